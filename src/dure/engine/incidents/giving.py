"""Who gets what back: for work as it becomes known, for missing capacity when the incident ends.

- Each thing is given back once: a credit's key is once an incident.
- Work that maintenance ended which was announced in time is not given back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import JsonValue

from dure.engine.incidents.credits import capacity_lost, in_time, work_lost
from dure.engine.incidents.facts import (
    Change,
    Close,
    Credit,
    Incident,
    IncidentSnapshot,
    Join,
    Lost,
    Window,
)
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme.incidents import IncidentRules

_HOUR_S: Final = 3600


def given_back(
    snapshot: IncidentSnapshot, changes: Iterable[Change], rules: IncidentRules
) -> Iterator[Credit]:
    """For work as it becomes known, for capacity when the incident ends."""
    by_number = {incident.number: incident for incident in snapshot.incidents}
    pools = {pool.pool: pool for pool in snapshot.pools}
    ends = {c.incident: c.ends for c in changes if isinstance(c, Close)}
    lost = {c.incident: c.lost for c in changes if isinstance(c, Join)}
    for number, incident in sorted(by_number.items()):
        if incident.ends is not None:
            continue
        spared = [w for w in snapshot.windows if in_time(w, rules)]
        ended_with_it = [
            one
            for one in lost.get(number, incident.lost)
            if not any(_ended_under(w, incident, one) for w in spared)
        ]
        yield from _for_work(incident, ended_with_it, rules)
        if number in ends and incident.pool in pools:
            given = capacity_lost(
                incident,
                ends=ends[number],
                pool=pools[incident.pool],
                others=snapshot.incidents,
                promises=snapshot.promises,
                windows=snapshot.windows,
                rules=rules,
            )
            yield from _for_capacity(incident, given)


def _ended_under(window: Window, incident: Incident, lost: Lost) -> bool:
    """Whether the work ended because of maintenance that was announced in time."""
    covers = window.covers(incident.pool, incident.node)
    return covers and window.starts <= lost.ended < window.ends


def _for_work(incident: Incident, lost: Iterable[Lost], rules: IncidentRules) -> Iterator[Credit]:
    for one in lost:
        key, amount = f"work:{one.key}", work_lost(one, rules)
        if amount and key not in incident.credited:
            yield _credit(incident, key, one.allocation, amount, job=one.job)


def _for_capacity(incident: Incident, given: dict[str, int]) -> Iterator[Credit]:
    for allocation, amount in given.items():
        key = f"capacity:{allocation}"
        if key not in incident.credited:
            yield _credit(incident, key, allocation, amount)


def _credit(incident: Incident, key: str, allocation: str, amount: int, job: str = "") -> Credit:
    """`job`: where it is for one; else it is for capacity."""
    params: dict[str, JsonValue] = {"node": incident.node, "hours": _hours(amount)}
    code = "incidents.credit_lost_work" if job else "incidents.credit_capacity"
    return Credit(
        incident=incident.number,
        key=key,
        allocation=allocation,
        amount=amount,
        reason=Reason(code=code, params={**params, "job": job} if job else params),
    )


def _hours(amount: int) -> str:
    """Rounded down to a tenth; never more than is given."""
    tenths = amount * 10 // _HOUR_S
    return f"{tenths // 10}.{tenths % 10}"
