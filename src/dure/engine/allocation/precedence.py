"""Strict rank as constraints: who must be served before whom.

- Within one track and size class, a better-placed request `ahead` may be left out while a
  worse-placed `behind` holds servers only if those would not do for it: a pool it does not take,
  an amount too small, no whole blocks, months that do not cover its own; or with an excuse.
- Months after its own count as the holder's while nobody could come in and no pool shrinks: what it
  gives back is surely free until then.
- Excuses: a cap that binds only `ahead` is full in one of the months it would need; a floor that
  counts only `behind` would not be met without it.
- A rule that follows from two others is left out; what remains says exactly the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from dure.engine.allocation.facts import PoolOffer, Request, Wish
from dure.engine.allocation.limits import Limit, Round, blocks_for
from dure.engine.allocation.options import Option

Place = tuple[str, int]
"""A pool and a start."""


@dataclass(frozen=True, slots=True)
class Full:
    """A cap that has not room for so many servers any more in this month."""

    limit: Limit
    month: int
    servers: int


@dataclass(frozen=True, slots=True)
class Needed:
    """A floor that is missed without so many server-months."""

    limit: Limit
    server_months: int


Excuse = Full | Needed


@dataclass(frozen=True, slots=True)
class Precedence:
    """`behind` in one of `places` implies: `ahead` is served, or one of `excuses` holds."""

    ahead: Request
    behind: Request
    places: frozenset[Place]
    excuses: frozenset[Excuse]


Options = Mapping[str, tuple[Option, ...]]


class Rules:
    """The rules of strict rank among options still open.

    Who has no open option holds nothing, but may complain.
    """

    def __init__(self, round_: Round, open_: Options) -> None:
        self._round = round_
        self._open = open_
        self._known: dict[tuple[str, str], tuple[Precedence, ...]] = {}
        self._classes: dict[tuple[str, str], list[Request]] = {}
        for request in round_.requests:
            self._classes.setdefault((request.track, request.size_class), []).append(request)

    def among_open(self, served: Collection[str]) -> Iterator[Precedence]:
        """Every rule among those with open options, directly or through others, in a fixed order.

        Who is `served` in any case complains of nobody; where that stands fixed too, few complain
        of it, and those rules enter when they are broken.
        """
        for _, members in sorted(self._classes.items()):
            latest: dict[object, Request] = {}
            for behind in members:
                options = self._open.get(behind.application, ())
                if not options or (len(options) == 1 and behind.application in served):
                    continue
                candidates = [
                    rule for ahead in latest.values() for rule in self._between(ahead, behind)
                ]
                yield from (r for r in candidates if not self._follows(r, candidates))
                if behind.application not in served:
                    latest[self._likeness(behind)] = behind

    def of(self, ahead: Request) -> Iterator[Precedence]:
        """The rules by which one request may complain."""
        members = self._classes[ahead.track, ahead.size_class]
        for behind in members[members.index(ahead) + 1 :]:
            yield from self._between(ahead, behind)

    def _likeness(self, request: Request) -> object:
        """All of a request that matters here besides its place."""
        return (
            frozenset((w.model, w.minimum) for w in request.wishes),
            request.months,
            request.earliest,
            request.latest,
            request.contiguity,
            frozenset(self._limits(request)),
        )

    def _limits(self, request: Request) -> Iterator[tuple[str, Limit]]:
        for wish in request.wishes:
            for limit in self._round.bound(request, wish.model):
                yield wish.model, limit

    def _between(self, ahead: Request, behind: Request) -> tuple[Precedence, ...]:
        key = (ahead.application, behind.application)
        if key not in self._known:
            self._known[key] = self._rules_between(ahead, behind)
        return self._known[key]

    def _rules_between(self, ahead: Request, behind: Request) -> tuple[Precedence, ...]:
        """One rule for each set of excuses: none of the starts `ahead` could have must be free."""
        found: dict[frozenset[Excuse], set[Place]] = {}
        for option in self._open.get(behind.application, ()):
            wish = next((w for w in ahead.wishes if w.model == option.wish.model), None)
            if wish is None or not _would_do(ahead, wish, option):
                continue
            for start in self._starts_within(ahead, option):
                excuses = self._excuses(ahead, wish, option, start)
                found.setdefault(excuses, set()).add((option.offer.pool, option.start))
        return tuple(
            Precedence(ahead, behind, frozenset(places), excuses)
            for excuses, places in found.items()
            if not any(fewer < excuses and places <= others for fewer, others in found.items())
        )

    def _starts_within(self, ahead: Request, option: Option) -> range:
        """The starts of `ahead` whose months lie in the option's, or in what stays free after."""
        free_until = int(self._round.free_until[option.months.stop])
        first = max(ahead.earliest, option.start)
        return range(first, min(ahead.latest, free_until - ahead.months) + 1)

    def _excuses(self, ahead: Request, wish: Wish, option: Option, start: int) -> frozenset[Excuse]:
        own = self._round.bound(ahead, wish.model)
        theirs = self._round.bound(option.request, wish.model)
        full = {
            Full(limit, month, wish.minimum)
            for limit in own
            if limit.room is not None and limit not in theirs
            for month in self._round.fresh
            if start <= month < start + ahead.months
        }
        needed = {
            Needed(limit, option.wish.minimum * option.request.months)
            for limit in theirs
            if limit.least is not None and limit not in own
        }
        return frozenset(full | needed)

    def _follows(self, rule: Precedence, others: list[Precedence]) -> bool:
        """Whether serving `behind` already implies `ahead` by way of a third request."""
        for step in others:
            if step.ahead is rule.ahead or not rule.places <= step.places:
                continue
            if (
                self._round.place[step.ahead.application]
                < self._round.place[rule.ahead.application]
            ):
                continue
            first = self._between(rule.ahead, step.ahead)
            if len(first) != 1:
                continue
            everywhere = {
                (o.offer.pool, o.start) for o in self._open.get(step.ahead.application, ())
            }
            if everywhere <= first[0].places and first[0].excuses | step.excuses <= rule.excuses:
                return True
        return False


def _would_do(ahead: Request, wish: Wish, option: Option) -> bool:
    """Whether what the option gives at the least is enough for `ahead`, whole blocks included."""
    if wish.minimum > option.wish.minimum:
        return False
    if ahead.contiguity != "blocks":
        return True
    behind = option.request
    return behind.contiguity == "blocks" and _blocks(wish, option.offer) <= _blocks(
        option.wish, option.offer
    )


def _blocks(wish: Wish, offer: PoolOffer) -> int:
    return blocks_for(wish.minimum, offer)
