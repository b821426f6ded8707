"""What an incident took from owners, and what of it they get back.

- A pool misses as many servers as more nodes are out than were not promised. Each missing server is
  laid to one incident: those known later are the ones that no spare was left for. What an incident
  is charged with never changes when a later one becomes known.
- A missing server is missing to all owners of the pool, in proportion to what each was promised.
- Seconds of maintenance that was announced in time are lost to nobody.
- What is given back is rounded down, for each owner and incident.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

from dure.engine.incidents.facts import Incident, Lost, PoolFacts, Promise, Window
from dure.vocabulary.programme.incidents import IncidentRules

_SECOND = timedelta(seconds=1)


def work_lost(lost: Lost, rules: IncidentRules) -> int:
    """Accelerator-seconds given back for one job that ended with a node."""
    ran = max(0, (lost.ended - lost.started) // _SECOND)
    counted = min(ran, rules.lost_work_minutes * 60)
    return int(rules.credit_rate * counted * lost.accelerators)


def capacity_lost(
    incident: Incident,
    *,
    ends: datetime,
    pool: PoolFacts,
    others: Iterable[Incident],
    promises: Iterable[Promise],
    windows: Iterable[Window],
    rules: IncidentRules,
) -> dict[str, int]:
    """Accelerator-seconds given back by allocation, for `incident` over `[starts, ends)`."""
    if ends - incident.starts < timedelta(minutes=rules.credit_after_minutes):
        return {}
    before = [o for o in others if o.pool == incident.pool and o.number < incident.number]
    stretches = [p for p in promises if p.pool == incident.pool]
    exempt = [w for w in windows if w.covers(incident.pool, incident.node) and in_time(w, rules)]
    missing: defaultdict[str, Fraction] = defaultdict(Fraction)
    for start, end in pairwise(_cuts(incident.starts, ends, before, stretches, exempt)):
        if any(w.starts <= start < w.ends for w in exempt):
            continue
        held = [p for p in stretches if p.starts <= start < p.ends]
        promised = sum(p.servers for p in held)
        out = sum(1 for o in before if o.starts <= start and (o.ends is None or o.ends > start))
        if out < pool.programme_nodes - promised:  # a spare was left for this one
            continue
        seconds = (end - start) // _SECOND
        for one in held:
            missing[one.allocation] += Fraction(seconds * one.servers, promised)
    given = {
        allocation: int(rules.credit_rate * pool.accelerators_per_node * seconds)
        for allocation, seconds in sorted(missing.items())
    }
    return {allocation: amount for allocation, amount in given.items() if amount}


def in_time(window: Window, rules: IncidentRules) -> bool:
    """Whether the maintenance was announced early enough to give no credit."""
    return window.starts - window.announced >= timedelta(days=rules.announced_days)


def _cuts(
    starts: datetime,
    ends: datetime,
    before: Sequence[Incident],
    stretches: Sequence[Promise],
    exempt: Sequence[Window],
) -> list[datetime]:
    """Every instant within `[starts, ends]` at which anything may change."""
    at = {starts, ends}
    for incident in before:
        at |= {incident.starts, incident.ends or ends}
    for stretch in stretches:
        at |= {stretch.starts, stretch.ends}
    for window in exempt:
        at |= {window.starts, window.ends}
    return sorted(instant for instant in at if starts <= instant <= ends)
