"""What must be true of every incident plan, checked from the snapshot and the rules alone.

- No node has two incidents at once, none begins before the node's last one ended, and none opens
  for a node that is up and reported nothing. None that names a window began before it, or before
  it was announced.
- Only an open incident joins, ends or is credited, and none ends before it began or after now.
- Nothing is given back twice, nor more than was lost: for a job, the time it ran; for capacity, the
  node's accelerators over the outage, less the seconds of maintenance announced in time.
- A removal is proposed only where the rule's number of failures is reached and nobody decided yet.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from dure.engine.incidents import (
    Close,
    Credit,
    Incident,
    IncidentPlan,
    IncidentSnapshot,
    Join,
    Open,
    Propose,
)
from dure.vocabulary.plans import Violation
from dure.vocabulary.programme.incidents import IncidentRules

_SECOND = timedelta(seconds=1)


def violations(
    snapshot: IncidentSnapshot, rules: IncidentRules, plan: IncidentPlan
) -> tuple[Violation, ...]:
    """Every violation of the rules above; none, and the plan may be applied."""
    return tuple(_problems(snapshot, rules, plan))


def _problems(
    snapshot: IncidentSnapshot, rules: IncidentRules, plan: IncidentPlan
) -> Iterator[Violation]:
    still = {i.number: i for i in snapshot.incidents if i.ends is None}
    yield from _opened([i for i in plan.intents if isinstance(i, Open)], snapshot, plan)
    for intent in plan.intents:
        if isinstance(intent, Join | Close | Credit) and intent.incident not in still:
            yield _found("not_open", f"{intent.intent} of incident {intent.incident}")
    for close in (i for i in plan.intents if isinstance(i, Close)):
        known = still.get(close.incident)
        if known is not None and not known.starts <= close.ends <= plan.header.now:
            yield _found("period", f"incident {close.incident} ends {close.ends.isoformat()}")
    yield from _given(plan, snapshot, still, rules)
    yield from _proposed(plan, snapshot, rules)


def _opened(
    opened: list[Open], snapshot: IncidentSnapshot, plan: IncidentPlan
) -> Iterator[Violation]:
    busy = {(i.pool, i.node) for i in snapshot.incidents if i.ends is None}
    states = {(n.pool, n.node): n.state for n in snapshot.nodes}
    past = [(i.pool, i.node, i.ends) for i in snapshot.incidents if i.ends is not None]
    reported = {f.id: (f.pool, f.node) for f in snapshot.faults}
    times = Counter((o.pool, o.node) for o in opened)
    for one in opened:
        place = (one.pool, one.node)
        where = f"{one.node} of {one.pool}"
        if place in busy or times[place] > 1:
            yield _found("twice", where)
        if any(one.starts < ends for pool, name, ends in past if (pool, name) == place):
            yield _found("overlaps", f"{where} starts {one.starts.isoformat()}")
        if one.starts > plan.header.now:
            yield _found("period", f"{where} starts {one.starts.isoformat()}")
        maintained = any(
            w.pool == one.pool
            and (not w.nodes or one.node in w.nodes)
            and w.starts <= plan.header.now < w.ends
            for w in snapshot.windows
        )
        out = states.get(place) in {"down", "draining"} or maintained
        if not out and place not in {reported.get(fault) for fault in one.faults}:
            yield _found("unfounded", where)
        if one.window and not any(
            w.id == one.window and max(w.starts, w.announced) <= one.starts < w.ends
            for w in snapshot.windows
        ):
            yield _found("not_announced", f"{where} starts {one.starts.isoformat()}")
        if one.spare and states.get((one.pool, one.spare)) != "up":
            yield _found("spare", f"{where}: {one.spare} is not up")


def _given(
    plan: IncidentPlan,
    snapshot: IncidentSnapshot,
    still: dict[int, Incident],
    rules: IncidentRules,
) -> Iterator[Violation]:
    ends = {c.incident: c.ends for c in plan.intents if isinstance(c, Close)}
    lost = {c.incident: c.lost for c in plan.intents if isinstance(c, Join)}
    per_node = {pool.pool: pool.accelerators_per_node for pool in snapshot.pools}
    said: Counter[tuple[int, str]] = Counter()
    capacity: defaultdict[int, int] = defaultdict(int)
    for credit in (i for i in plan.intents if isinstance(i, Credit)):
        known = still.get(credit.incident)
        if known is None:
            continue
        said[credit.incident, credit.key] += 1
        where = f"{credit.key} of incident {credit.incident}"
        if credit.key in known.credited or said[credit.incident, credit.key] > 1:
            yield _found("credited_twice", where)
        if credit.key.startswith("capacity:"):
            capacity[credit.incident] += credit.amount
            continue
        jobs = {
            f"work:{one.key}": one
            for one in lost.get(credit.incident, known.lost)
            if not _maintained(known, one.ended, snapshot, rules)
        }
        job = jobs.get(credit.key)
        most = 0 if job is None else job.accelerators * ((job.ended - job.started) // _SECOND)
        if credit.amount > rules.credit_rate * most:
            yield _found("more_than_lost", f"{where}: {credit.amount} of {most}")
    for number, amount in sorted(capacity.items()):
        seconds = _lost_seconds(still[number], ends.get(number), snapshot, rules)
        most = seconds * per_node.get(still[number].pool, 0)
        if amount > rules.credit_rate * most:
            yield _found("more_than_lost", f"capacity of incident {number}: {amount} of {most}")


def _maintained(
    incident: Incident, at: datetime, snapshot: IncidentSnapshot, rules: IncidentRules
) -> bool:
    """Whether the node was under maintenance that was announced in time."""
    return any(
        w.pool == incident.pool
        and (not w.nodes or incident.node in w.nodes)
        and w.announced + timedelta(days=rules.announced_days) <= w.starts <= at < w.ends
        for w in snapshot.windows
    )


def _lost_seconds(
    incident: Incident, ends: datetime | None, snapshot: IncidentSnapshot, rules: IncidentRules
) -> int:
    """Seconds of the outage outside maintenance that was announced in time; 0 while it lasts."""
    if ends is None:
        return 0
    early = timedelta(days=rules.announced_days)
    spared = [
        (max(w.starts, incident.starts), min(w.ends, ends))
        for w in snapshot.windows
        if w.pool == incident.pool
        and (not w.nodes or incident.node in w.nodes)
        and w.announced + early <= w.starts
    ]
    covered, upto = 0, incident.starts
    for start, end in sorted(spared):
        if end > max(start, upto):
            covered += (end - max(start, upto)) // _SECOND
            upto = end
    return (ends - incident.starts) // _SECOND - covered


def _proposed(
    plan: IncidentPlan, snapshot: IncidentSnapshot, rules: IncidentRules
) -> Iterator[Violation]:
    since = plan.header.now - timedelta(days=rules.lemons.window_days)
    failed = Counter((i.pool, i.node) for i in snapshot.incidents if i.starts >= since)
    failed.update((i.pool, i.node) for i in plan.intents if isinstance(i, Open))
    for one in (i for i in plan.intents if isinstance(i, Propose)):
        place = (one.pool, one.node)
        if failed[place] < rules.lemons.failures:
            yield _found("lemon", f"{one.node} of {one.pool} failed {failed[place]} times")
        if place in snapshot.standing:
            yield _found("lemon_decided", f"{one.node} of {one.pool}")


def _found(rule: str, detail: str) -> Violation:
    return Violation(rule=f"incidents.{rule}", detail=detail)
