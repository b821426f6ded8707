"""The demo's part on this machine, on a real Slurm: with few applications, for it needs but two."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from tests.system.test_demo import environment

from dure.cli.slurm_lab import Lab, packages

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(packages.missing()), reason="Slurm's packages are not installed"),
]

PLAYED = """
import json, sys
from dataclasses import asdict, replace
from pathlib import Path
from dure.cli.demo.run import end_slurm, prepare, settle_environment
home = Path(sys.argv[1])
prepare(home)
settle_environment(home)
import django
django.setup()
from rich.progress import Progress
from dure.cli.demo import call_stages, site_stages, world
from dure.cli.demo.context import Context, at
from dure.cli.demo.programme import LOCAL_CLUSTER
from dure.cli.demo.site_engines import RealSlurm
from dure.hub import clock
from dure.hub.supply.models import Cluster
from dure.hub.usage.models import UsageSegment
whole = world.generate()
few = replace(whole, applicants=whole.applicants[:4])
(home / "out").mkdir()
with Progress(disable=True) as progress:
    context = Context(
        home=home, progress=progress, world=few, password="rehearsal-4711",
        engine=RealSlurm(home / "slurm"),
    )
    call_stages.set_up(context)
    call_stages.take_applications(context)
    call_stages.review_applications(context)
    call_stages.decide_rounds(context)
    site_stages.sign_agreements(context)
    try:
        local = site_stages.lend_on_this_machine(context)
        clock.rehearse(at(4, 1, 1))
        problems = local.finish()
    finally:
        end_slurm(home)
cluster = Cluster.objects.get(key=LOCAL_CLUSTER)
print(json.dumps({
    "take_back": asdict(context.seen.take_back),
    "problems": problems,
    "engine": cluster.engine,
    "through": cluster.complete_through.isoformat(),
    "used": [
        [used.kind, used.job, used.attempt, used.accelerators, used.starts_at.isoformat()]
        for used in UsageSegment.objects.order_by("starts_at", "job", "attempt")
    ],
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("demo") / "home"
    done = subprocess.run(
        [sys.executable, "-c", PLAYED, str(home)],
        env=environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    logs = "".join(log.read_text()[-2000:] for log in (home / "out").glob("*.log"))
    assert done.returncode == 0, done.stderr[-3000:] + logs
    assert not Lab.of(home / "slurm").is_up
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_owner_returns_at_once_and_the_lent_training_ends_as_if_undisturbed(
    seen: dict[str, Any],
) -> None:
    back = seen["take_back"]
    assert seen["engine"] == "slurm"
    assert back["owner_start_s"] <= 5
    assert back["lent_attempts"] >= 2
    assert back["lent_resumed_at_step"] > 0
    assert back["same_weights"] is True


def test_what_ran_is_counted_at_the_rehearsals_date_until_its_end(seen: dict[str, Any]) -> None:
    assert seen["problems"] == []
    assert seen["through"] >= "2026-03-31T16:00:00"  # the first of April, one o'clock in Seoul
    assert {start[:7] for *_, start in seen["used"]} == {"2026-03"}
    assert {count for *_, count, _start in seen["used"]} == {4}
    attempts = {(job, attempt) for kind, job, attempt, *_ in seen["used"] if kind == "lent"}
    assert len({job for job, _ in attempts}) == 1
    assert len(attempts) >= 2, seen["used"]
    assert len({job for kind, job, *_ in seen["used"] if kind == "owner"}) == 2
