"""A round as one plain model: rows as one writes them first, handed to a general solver.

- A variable for each application, pool and start; a number of servers too where it may be reduced.
- Rows: each application once; servers and whole blocks of each pool and month; each unit's cap in
  each month and floor over all. With rank: for every pair of a class, the worse-ranked holds
  nothing that would do for the better-ranked unless that one is served or an excuse holds.
- An excuse is a variable that may only be 1 where a cap has too little room left, or a floor needs
  the holder.
- Building counts: past the limit it stops and there is no model.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations, groupby
from typing import NamedTuple

from bench.rounds_data import Award, Awards, Facts, Unit

from dure.engine.allocation.facts import PoolOffer, Request, Wish

Term = tuple[int, int]
"""A variable and its factor."""


NO_ROWS = "rows not made in time"
NO_MODEL = "rows made, but not given to the solver in time"


class TooLong(Exception):
    """The model was not built within its limit; says how far it came."""


class Row(NamedTuple):
    """The terms add up to at most `most`; only where the variable `where` is 1, if it is given."""

    terms: list[Term]
    most: int
    where: int | None = None


class Option(NamedTuple):
    request: Request
    wish: Wish
    offer: PoolOffer
    start: int
    chosen: int
    servers: Term


class Clock:
    """CPU and wall time since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def cpu_s(self) -> float:
        return time.process_time() - self._cpu

    def pace(self) -> float:
        """CPU seconds in a second: below 1 where other work shares the machine."""
        return min(1.0, max(0.1, self.cpu_s() / (time.perf_counter() - self._wall)))


@dataclass
class Model:
    facts: Facts
    limit_cpu_s: float
    clock: Clock = field(default_factory=Clock)
    upper: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    merit: list[Term] = field(default_factory=list)
    options: dict[str, list[Option]] = field(default_factory=dict)
    served: dict[str, int] = field(default_factory=dict)
    in_unit: defaultdict[tuple[Unit, int], list[Term]] = field(
        default_factory=lambda: defaultdict(list)
    )
    in_floor: defaultdict[Unit, list[Term]] = field(default_factory=lambda: defaultdict(list))
    excuses: dict[tuple[Unit, int, int], int] = field(default_factory=dict)

    def variable(self, upper: int = 1) -> int:
        self.upper.append(upper)
        return len(self.upper) - 1

    def at_most(self, terms: list[Term], most: int, where: int | None = None) -> None:
        self.rows.append(Row(terms, most, where))
        self.look_at_clock(NO_ROWS)

    def look_at_clock(self, unfinished: str) -> None:
        if self.clock.cpu_s() > self.limit_cpu_s:
            raise TooLong(unfinished)

    def awards(self, value: dict[int, int]) -> Awards:
        return {
            application: Award(o.offer.pool, o.start, o.servers[1] * value[o.servers[0]])
            for application, options in self.options.items()
            for o in options
            if value[o.chosen]
        }


def built(facts: Facts, *, ranked: bool, limit_cpu_s: float) -> Model:
    model = Model(facts, limit_cpu_s)
    in_pool: defaultdict[tuple[str, int], list[Term]] = defaultdict(list)
    in_blocks: defaultdict[tuple[str, int], list[Term]] = defaultdict(list)
    for request in facts.ranked:
        _add_request(model, request)
        for option in model.options[request.application]:
            _add_use(model, option, in_pool)
            if request.contiguity == "blocks":
                _add_blocks(model, option, in_blocks)
    for (pool, month), terms in in_pool.items():
        model.at_most(terms, facts.offers[pool].servers[month])
    for (pool, month), terms in in_blocks.items():
        model.at_most(terms, facts.offers[pool].whole_blocks(month))
    for (unit, month), terms in model.in_unit.items():
        model.at_most(terms, facts.room[unit][month])
    for unit, least in facts.least.items():
        model.at_most([(v, -factor) for v, factor in model.in_floor[unit]], -least)
    if ranked:
        _add_rank(model)
    return model


def _add_request(model: Model, request: Request) -> None:
    served = model.served[request.application] = model.variable()
    options = []
    for wish, offer in model.facts.choices(request):
        for start in range(request.earliest, request.latest + 1):
            chosen = model.variable()
            servers = _servers(model, wish, chosen)
            model.merit.append((servers[0], servers[1] * request.merit(wish)))
            options.append(Option(request, wish, offer, start, chosen, servers))
    model.options[request.application] = options
    once = [(o.chosen, 1) for o in options]
    model.at_most([*once, (served, -1)], 0)
    model.at_most([*((v, -1) for v, _ in once), (served, 1)], 0)


def _servers(model: Model, wish: Wish, chosen: int) -> Term:
    if wish.minimum == wish.servers:
        return chosen, wish.servers
    servers = model.variable(wish.servers)
    model.at_most([(servers, 1), (chosen, -wish.servers)], 0)
    model.at_most([(servers, -1), (chosen, wish.minimum)], 0)
    return servers, 1


def _add_use(
    model: Model, option: Option, in_pool: defaultdict[tuple[str, int], list[Term]]
) -> None:
    request, offer, servers = option.request, option.offer, option.servers
    caps = model.facts.caps(request, offer.model)
    for month in range(option.start, option.start + request.months):
        in_pool[offer.pool, month].append(servers)
        for unit in caps:
            model.in_unit[unit, month].append(servers)
    for unit in model.facts.floors(request, offer.model):
        model.in_floor[unit].append((servers[0], servers[1] * request.months))


def _add_blocks(
    model: Model, option: Option, in_blocks: defaultdict[tuple[str, int], list[Term]]
) -> None:
    size = option.offer.block_servers
    blocks = model.variable(-(-option.wish.servers // size))
    model.at_most([option.servers, (blocks, -size)], 0)
    for month in range(option.start, option.start + option.request.months):
        in_blocks[option.offer.pool, month].append((blocks, 1))


def _add_rank(model: Model) -> None:
    by_class = sorted(model.facts.ranked, key=lambda r: (r.track, r.size_class, r.rank))
    for _, members in groupby(by_class, key=lambda r: (r.track, r.size_class)):
        for ahead, behind in combinations(members, 2):
            held: defaultdict[frozenset[int], list[Term]] = defaultdict(list)
            for option in model.options[behind.application]:
                for excuses in set(_excuses(model, ahead, option)):
                    held[excuses].append((option.chosen, 1))
            for excuses, terms in held.items():
                served = model.served[ahead.application]
                model.at_most([*terms, (served, -1), *((e, -1) for e in excuses)], 0)


def _excuses(model: Model, ahead: Request, option: Option) -> Iterator[frozenset[int]]:
    """For each start from which what `option` holds would do for `ahead`: what may excuse it."""
    facts, behind, name = model.facts, option.request, option.offer.model
    wish = next((w for w in ahead.wishes if w.model == name), None)
    if wish is None or not _would_do(wish, ahead, option):
        return
    first = max(ahead.earliest, option.start)
    last = min(ahead.latest, option.start + behind.months - ahead.months)
    if first > last:
        return
    caps = facts.caps(ahead, name) - facts.caps(behind, name)
    floors = facts.floors(behind, name) - facts.floors(ahead, name)
    needed = [_needed(model, u, option.wish.minimum * behind.months) for u in sorted(floors)]
    for start in range(first, last + 1):
        when = range(start, start + ahead.months)
        full = [_full(model, u, wish.minimum, month) for u in sorted(caps) for month in when]
        yield frozenset((*needed, *full))


def _would_do(wish: Wish, ahead: Request, option: Option) -> bool:
    size = option.offer.block_servers
    if ahead.contiguity == "blocks":
        enough = -(-wish.minimum // size) <= -(-option.wish.minimum // size)
        if option.request.contiguity != "blocks" or not enough:
            return False
    return wish.minimum <= option.wish.minimum


def _full(model: Model, unit: Unit, need: int, month: int) -> int:
    """May be 1 only where the unit's room left in the month is below `need`."""
    if (unit, need, month) not in model.excuses:
        full = model.excuses[unit, need, month] = model.variable()
        taken = [(v, -factor) for v, factor in model.in_unit[unit, month]]
        model.at_most(taken, need - 1 - model.facts.room[unit][month], where=full)
    return model.excuses[unit, need, month]


def _needed(model: Model, unit: Unit, server_months: int) -> int:
    """May be 1 only where the unit's floor would be missed without so many server-months."""
    if (unit, server_months, -1) not in model.excuses:
        needed = model.excuses[unit, server_months, -1] = model.variable()
        most = model.facts.least[unit] + server_months - 1
        model.at_most(model.in_floor[unit], most, where=needed)
    return model.excuses[unit, server_months, -1]
