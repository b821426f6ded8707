"""A scenario's text: this programme as it stands, or a shipped scenario with other days or demand.

- Supply is the programme's part of each pool, rehearsals left out. Allocations are those that are
  active, each a project of its own there; who waits stands in line for the first model they asked
  for, on the pool of their call that has most free servers of it.
- Days are the programme's own. A part of a day at the beginning or the end does not count.
- Energy is the data sheet's, of the accelerators alone; measured figures can be written instead.
- The programme's own rules of lending and reclaim stand in the text, where they can be changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import yaml
from django.utils import timezone

from dure.hub.allocations.models import Allocation, WaitlistEntry
from dure.hub.allocations.round_requests import lane_of, months_of, wishes_of
from dure.hub.people.gate import Action, require
from dure.hub.people.models import User
from dure.hub.studies.traces import Trace
from dure.hub.supply.models import Pool
from dure.hub.supply.queries import programme
from dure.vocabulary.programme import AcceleratorModel, Programme

SCHEMA: Final = "dure.twin/1"
NODE_FAILURES: Final = {"node_days": 42}
"""1,024 GPUs fail every 7.9 h (Meta, HPCA'25): the twin's own default, written out."""


class NothingStands(Exception):
    """There is no programme, or no active allocation in it: nothing to play."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What the form chose. Where it says nothing, the scenario's own stands."""

    days: int | None = None
    load_percent: int | None = None
    trace: Trace | None = None
    profile: str = ""


def changed(text: str, chosen: Chosen) -> str:
    """A scenario's text with what was chosen in it; the very text where nothing was."""
    if chosen == Chosen():
        return text
    document = yaml.safe_load(text)
    if chosen.days is not None:
        document["days"] = chosen.days
    if chosen.profile:
        document["profile"] = chosen.profile
    document["demand"] = _demand(document["demand"], chosen, document.get("time_zone"))
    return _written(document)


def as_it_stands(chosen: Chosen, *, by: User, now: datetime) -> str:
    """The programme's supply, active allocations and waitlist, as text. Raises NothingStands."""
    require(by, Action.ASK_STUDY)
    document = programme()
    if document is None:
        raise NothingStands
    today = timezone.localdate(now, document.zone)
    days = chosen.days or 90
    models = {model.id: model for model in document.accelerators}
    given = list(_given(today, days, document))
    if not given:
        raise NothingStands
    return _written(
        {
            "schema": SCHEMA,
            "name": {"ko": document.name.ko, "en": document.name.en},
            "starts": today,
            "time_zone": document.time_zone,
            "days": days,
            "supply": {"pools": [_pool(pool, models) for pool in _pools()]},
            "allocations": {"given": given, "waiting": list(_waiting(document))},
            "demand": _demand({"synthetic": {"load": "4/5"}}, chosen, document.time_zone),
            "failures": NODE_FAILURES,
            "profile": chosen.profile or "ideal",
            "lending": document.lending.model_dump(mode="json"),
            "reclaim": [rule.model_dump(mode="json") for rule in document.reclaim],
        }
    )


def _written(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=100)


def _demand(demand: dict[str, Any], chosen: Chosen, zone: str | None) -> dict[str, Any]:
    """How jobs save their progress stays; where they come from may be otherwise."""
    load = {} if chosen.load_percent is None else {"load": f"{chosen.load_percent}/100"}
    if chosen.trace is not None:
        how = {k: v for k, v in demand.items() if k not in {"synthetic", "trace", "fitted"}}
        return {"trace": {"file": chosen.trace.name, "zone": zone, **load}, **how}
    if load and "synthetic" in demand:
        return {**demand, "synthetic": {**demand["synthetic"], **load}}
    return demand


def _pools() -> Iterator[Pool]:
    for pool in Pool.objects.exclude(arrangement="rehearsal").order_by("key"):
        if pool.awardable_servers > 0:
            yield pool


def _pool(pool: Pool, models: Mapping[str, AcceleratorModel]) -> dict[str, object]:
    model = models.get(pool.model)
    draw = {} if model is None else {"energy": _draw(model, pool.accelerators_per_node)}
    return {
        "id": pool.key,
        "nodes": pool.nodes - pool.own_use_nodes,
        "accelerators_per_node": pool.accelerators_per_node,
        "spare_nodes": pool.spare_nodes,
        **draw,
    }


def _draw(model: AcceleratorModel, per_node: int) -> dict[str, object]:
    """The data sheet's limit of the accelerators, as the twin reads it from a programme file."""
    return {"busy_w": model.tdp_w * per_node, "source": f"{model.name}: {model.source}"}


def _given(today: date, days: int, document: Programme) -> Iterator[dict[str, object]]:
    active = Allocation.objects.filter(state=Allocation.State.ACTIVE).exclude(
        pool__arrangement="rehearsal"
    )
    for one in active.select_related("pool").order_by("key"):
        start, end = (
            (timezone.localdate(at, document.zone) - today).days
            for at in (one.starts_at, one.ends_at)
        )
        first, last = max(0, start), min(days, end)
        if first < last:
            yield {
                "project": one.key,
                "pool": one.pool.key,
                "servers": one.servers,
                "from_day": first,
                "until_day": last,
            }


def _waiting(document: Programme) -> Iterator[dict[str, object]]:
    pools = {pool.key: pool for pool in _pools()}
    entries = WaitlistEntry.objects.filter(state=WaitlistEntry.State.WAITING).select_related(
        "application__call", "project"
    )
    for entry in entries.order_by("position", "pk"):
        lane = lane_of(entry.application, document)
        wish = wishes_of(entry.application, lane, document)[0]
        hosts = [p for key in lane.call.pools if (p := pools.get(key)) and p.model == wish.model]
        if not hosts:
            continue
        home = max(hosts, key=lambda pool: (pool.free_servers, pool.key))
        servers = min(wish.servers, home.awardable_servers)
        yield {
            "project": entry.project.key,
            "pool": home.key,
            "servers": servers,
            "minimum": min(wish.minimum, servers),
            "months": months_of(entry.application, lane),
        }
