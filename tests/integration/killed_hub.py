"""Steps on the database of a hub that is killed, each in a process of its own; answers in JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Final

import django

django.setup()

from django.core.management import call_command  # noqa: E402  # Django must be ready first
from tests.integration import small  # noqa: E402

from dure.hub.allocations.models import Allocation  # noqa: E402
from dure.hub.audit.queries import verify  # noqa: E402
from dure.hub.clock import now  # noqa: E402
from dure.hub.people.gate import STEWARD  # noqa: E402
from dure.hub.reports.operations import close_month  # noqa: E402
from dure.hub.reports.queries import statement_of  # noqa: E402
from dure.hub.supply.models import Cluster, Pool, Programme  # noqa: E402
from dure.hub.supply.operations import issue_enrolment_token  # noqa: E402
from dure.hub.usage.models import UsageSegment  # noqa: E402


def prepare() -> dict[str, object]:
    """Two signed agreements, and a token for each cluster's agent."""
    call_command("migrate", verbosity=0, interactive=False)
    world = small.decided()
    for name in ("ann", "bob"):
        small.sign(world, name)
    tokens = {
        cluster.key: issue_enrolment_token(cluster=cluster, by=STEWARD, now=now())
        for cluster in Cluster.objects.all()
    }
    return {"tokens": tokens, "owners": list(Allocation.objects.values_list("key", flat=True))}


def facts() -> dict[str, object]:
    """Every segment that was counted."""
    rows = UsageSegment.objects.values_list(
        "cluster__key", "job", "attempt", "starts_at", "ends_at", "accelerators"
    )
    return {
        "segments": [
            (key, job, attempt, str(int(start.timestamp())), str(int(end.timestamp())), n)
            for key, job, attempt, start, end, n in rows
        ],
        "audit": verify().intact,
        "drift": sum(len(drift) for drift in Cluster.objects.values_list("drift", flat=True)),
    }


def close() -> dict[str, object]:
    """March is closed."""
    row = close_month(
        programme=Programme.objects.get(),
        year=2026,
        month_number=3,
        by=STEWARD,
        now=small.APRIL,
    )
    statement = statement_of(row)
    whole = sum(p.nodes * p.accelerators_per_node for p in Pool.objects.all())
    seconds = int((statement.end - statement.start).total_seconds())
    return {"totals": statement.totals.total, "accelerator_seconds": whole * seconds}


STEPS: Final[dict[str, Callable[[], dict[str, object]]]] = {
    "prepare": prepare,
    "facts": facts,
    "close": close,
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(STEPS[sys.argv[1]]()))
