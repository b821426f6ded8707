"""What a plan of the waitlist must keep, checked on the plan alone.

- One intent for each waiting application and for no other, in the waitlist's order.
- A promotion goes to a known pool with an accepted model, from its minimum to what was asked.
- No pool gives more than it has free.
- At each one's turn, given what those ahead took: nobody stays while a pool could hold its
  minimum; nobody gets less than a pool could give; a more wanted model that could hold all of it
  is not refused; of several rooms the smallest that fits is taken.
- Who stays reads a true reason: the nearest pool at its turn, and what it lacked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dure.engine.waitlist import Promote, Stay, Waiting, WaitlistPlan, WaitlistSnapshot
from dure.vocabulary.plans import Violation


def violations(snapshot: WaitlistSnapshot, plan: WaitlistPlan) -> tuple[Violation, ...]:
    """Everything wrong with the plan; empty when it may be applied."""
    waiting = {w.application: w for w in snapshot.waiting}
    due = sorted(waiting, key=lambda name: (waiting[name].position, name))
    if [intent.application for intent in plan.intents] != due:
        detail = "the intents are not one per waiting application in the waitlist's order"
        return (Violation(rule="waitlist.not_in_order", detail=detail),)
    return (*_over_capacity(snapshot, plan), *_turns(snapshot, plan))


def _over_capacity(snapshot: WaitlistSnapshot, plan: WaitlistPlan) -> Iterator[Violation]:
    free = {f.pool: f.servers for f in snapshot.free}
    taken: Counter[str] = Counter()
    for intent in plan.intents:
        if isinstance(intent, Promote):
            taken[intent.pool] += intent.servers
    for pool, servers in sorted(taken.items()):
        if servers > free.get(pool, 0):
            detail = f"{pool} gives {servers} servers and has {free.get(pool, 0)}"
            yield Violation(rule="waitlist.over_capacity", detail=detail)


def _turns(snapshot: WaitlistSnapshot, plan: WaitlistPlan) -> Iterator[Violation]:
    waiting = {w.application: w for w in snapshot.waiting}
    model = {f.pool: f.model for f in snapshot.free}
    room = {f.pool: f.servers for f in snapshot.free}
    for intent in plan.intents:
        asker = waiting[intent.application]
        open_to = {pool: room[pool] for pool in room if model[pool] in asker.models}
        if isinstance(intent, Stay):
            yield from _stay(asker, open_to, intent)
            continue
        if intent.pool not in open_to:
            detail = f"{asker.application} does not accept pool {intent.pool}"
            yield Violation(rule="waitlist.pool_not_acceptable", detail=detail)
            continue
        yield from _amount(asker, open_to, intent)
        yield from _choice(asker, open_to, model, intent)
        room[intent.pool] -= intent.servers


def _stay(asker: Waiting, open_to: dict[str, int], intent: Stay) -> Iterator[Violation]:
    name = asker.application
    if any(servers >= asker.minimum for servers in open_to.values()):
        yield Violation(rule="waitlist.passed_over", detail=f"{name} fits and stays")
        return
    if not open_to:
        if intent.reason.code != "waitlist.no_pool":
            yield Violation(rule="waitlist.wrong_reason", detail=f"{name}: no pool is open to it")
        return
    pool, short = intent.reason.params.get("pool"), intent.reason.params.get("short")
    nearest = max(open_to.values())
    told = isinstance(pool, str) and open_to.get(pool) == nearest
    if intent.reason.code != "waitlist.too_large" or not told or short != asker.minimum - nearest:
        detail = f"{name}: the nearest pool lacks {asker.minimum - nearest} servers"
        yield Violation(rule="waitlist.wrong_reason", detail=detail)


def _amount(asker: Waiting, open_to: dict[str, int], intent: Promote) -> Iterator[Violation]:
    most = min(asker.servers, max(open_to.values()))
    if not asker.minimum <= intent.servers <= asker.servers:
        detail = f"{asker.application} gets {intent.servers} servers"
        detail += f", outside {asker.minimum} to {asker.servers}"
        yield Violation(rule="waitlist.outside_request", detail=detail)
    elif intent.servers < most:
        detail = f"{asker.application} gets {intent.servers} servers where {most} are free"
        yield Violation(rule="waitlist.less_than_possible", detail=detail)


def _choice(
    asker: Waiting, open_to: dict[str, int], model: dict[str, str], intent: Promote
) -> Iterator[Violation]:
    wish = {pool: asker.models.index(model[pool]) for pool in open_to}
    for pool in sorted(open_to):
        if open_to[pool] < intent.servers:
            continue
        if wish[pool] < wish[intent.pool]:
            detail = f"{asker.application} is put in {intent.pool} though {pool} is wanted more"
            yield Violation(rule="waitlist.less_wanted_model", detail=detail)
        elif wish[pool] == wish[intent.pool] and open_to[pool] < open_to[intent.pool]:
            detail = f"{asker.application} breaks up {intent.pool} though {pool} fits"
            yield Violation(rule="waitlist.larger_room_broken", detail=detail)
