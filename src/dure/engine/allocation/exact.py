"""The most merit that the rules allow, proven by CP-SAT.

- Whole servers and whole merit: the model is exact, no tolerance decides anything.
- One worker, a fixed seed, effort counted in the solver's own units and never in seconds: the
  same round gives the same awards on a slow machine and on a fast one.
- Two steps: first the merit; then, at that merit, better places and more wanted pools.
- The solver starts from awards that keep the rules and can only do better. Where floors leave
  nothing to start from, it finds whether anything keeps them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dure.engine.allocation.excuses import justified_complaints
from dure.engine.allocation.limits import (
    Award,
    Awards,
    Limit,
    Round,
    blocks_for,
    merit,
    totals,
)
from dure.engine.allocation.options import Option, held_options
from dure.engine.allocation.precedence import (
    Excuse,
    Full,
    Needed,
    Options,
    Precedence,
    Rules,
)

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

TIE_EFFORT = 0.1
"""Deterministic-time limit of the second step; it refines and need not prove."""

RULED_AT_ONCE = 4_000
"""Options up to which the rules of rank are all written down first; beyond, only broken ones: with
5,000 there are a million pairs to look at, and hardly any is ever broken."""

LEAST_EFFORT = 1.0
"""For one more solution where nothing to start from keeps the floors."""

SEED = 1

FULL_LINEARIZATION = 2
"""Rank rules are tight as a linear program: 514 requests proven in 0.3 s, at the solver's default
still 0.6 % open after 30 units of effort (measured on two synthetic rounds of that size)."""


class UnableToSolve(RuntimeError):
    """The solver refused the model: a fault of the model, not of the round."""


class Infeasible(Exception):
    """No awards meet all floors."""


@dataclass(frozen=True, slots=True)
class Found:
    """Awards, and the merit that no awards can exceed."""

    awards: dict[str, Award]
    bound: int


class Model:
    """The round as a CP-SAT model: `choice` of an option, `amount` of servers.

    `served`: who must be served. `fixed`: awards that stay as they are, outside the model: it has
    the room they leave. `without`: floors that need not be met. Rules of rank among those
    with options stand from the beginning; those of others enter when they are broken.
    """

    def __init__(
        self,
        round_: Round,
        options: Options,
        *,
        served: Collection[str] = (),
        fixed: Awards | None = None,
        without: frozenset[Limit] = frozenset(),
    ) -> None:
        from ortools.sat.python import cp_model  # noqa: PLC0415  # heavy: only who solves pays

        self._cp = cp_model
        self._round = round_
        self._options = options
        self._fixed = dict(fixed or {})
        self._left = round_.room(self._fixed)
        self._rules = Rules(round_, {**options, **held_options(round_, self._fixed)})
        self._floors = [x for x in round_.limits if x.least is not None and x not in without]
        self._model = cp_model.CpModel()
        self._choice: dict[Option, cp_model.IntVar] = {}
        self._amount: dict[Option, cp_model.LinearExpr] = {}
        self._parts: dict[Option, cp_model.IntVar] = {}
        self._blocks: dict[Option, cp_model.LinearExpr] = {}
        self._excuses: dict[Excuse, cp_model.IntVar] = {}
        for request in round_.requests:
            ways = self._options.get(request.application, ())
            for option in ways:
                self._add_option(option)
            if not ways:
                continue
            count = 1 if request.application in served else 0
            self._model.add_linear_constraint(self._served(request.application), count, 1)
        self._add_capacities()
        self._add_limits()
        if round_.ranked and len(self._choice) <= RULED_AT_ONCE:
            for rule in self._rules.among_open({*served, *self._fixed}):
                self._add_rule(rule)

    def _add_option(self, option: Option) -> None:
        choice = self._choice[option] = self._model.new_bool_var("")
        if option.wish.minimum == option.most:
            self._amount[option] = option.most * choice
        else:
            part = self._parts[option] = self._model.new_int_var(0, option.most, "")
            self._amount[option] = part
            self._model.add(part >= option.wish.minimum * choice)
            self._model.add(part <= option.most * choice)
        if option.request.contiguity == "blocks":
            self._blocks[option] = self._whole_blocks(option, choice)

    def _whole_blocks(self, option: Option, choice: cp_model.IntVar) -> cp_model.LinearExpr:
        if option not in self._parts:
            return blocks_for(option.most, option.offer) * choice
        blocks = self._model.new_int_var(0, blocks_for(option.most, option.offer), "")
        self._model.add(blocks * option.offer.block_servers >= self._parts[option])
        return blocks

    def _served(self, application: str) -> cp_model.LinearExpr:
        return self._sum(self._choice[option] for option in self._options.get(application, ()))

    def _all(self) -> Iterable[Option]:
        return self._choice

    def _sum(self, terms: Iterable[cp_model.LinearExpr | int]) -> cp_model.LinearExpr:
        return self._cp.LinearExpr.sum(list(terms))

    def _add_capacities(self) -> None:
        here: dict[tuple[str, int], list[cp_model.LinearExpr]] = {}
        blocks: dict[tuple[str, int], list[cp_model.LinearExpr]] = {}
        for option in self._all():
            for month in self._fresh(option):
                at = (option.offer.pool, month)
                here.setdefault(at, []).append(self._amount[option])
                if option in self._blocks:
                    blocks.setdefault(at, []).append(self._blocks[option])
        rows = self._round.pool_index
        for (pool, month), amounts in here.items():
            self._model.add(self._sum(amounts) <= int(self._left.servers[rows[pool], month]))
        for (pool, month), amounts in blocks.items():
            self._model.add(self._sum(amounts) <= int(self._left.blocks[rows[pool], month]))

    def _fresh(self, option: Option) -> Iterator[int]:
        """Those of the option's months whose bounds can bind."""
        return (month for month in self._round.fresh if month in option.months)

    def _under(self, option: Option) -> tuple[Limit, ...]:
        return self._round.bound(option.request, option.wish.model)

    def _add_limits(self) -> None:
        self._used: dict[tuple[Limit, int], list[cp_model.LinearExpr]] = {}
        self._total: dict[Limit, list[cp_model.LinearExpr]] = {x: [] for x in self._floors}
        reached = totals(self._round, self._fixed)
        self._kept = {limit: reached[limit] for limit in self._floors}
        for option in self._all():
            for limit in self._under(option):
                if limit in self._total:
                    total = self._amount[option] * option.request.months
                    self._total[limit].append(total)
                if limit.room is not None:
                    for month in self._fresh(option):
                        self._used.setdefault((limit, month), []).append(self._amount[option])
        for (limit, month), amounts in self._used.items():
            self._model.add(self._sum(amounts) <= self._room(limit, month))
        for limit, amounts in self._total.items():
            self._model.add(self._sum(amounts) >= self._lacking(limit))

    def _room(self, limit: Limit, month: int) -> int:
        return int(self._left.most[limit.index, month])

    def _lacking(self, limit: Limit) -> int:
        """What a floor still needs beside the fixed awards; below nothing where it is met."""
        return (limit.least or 0) - self._kept[limit]

    def _add_rule(self, rule: Precedence) -> None:
        behind = rule.behind.application
        holds: list[cp_model.LinearExpr | int] = [
            self._choice[o]
            for o in self._options.get(behind, ())
            if (o.offer.pool, o.start) in rule.places
        ]
        if behind in self._fixed:
            holds = [1]  # it was fixed in one of these places, or there would be no such rule
        excuses = [self._excuse(e) for e in sorted(rule.excuses, key=_said) if self._binds(e)]
        ahead = self._served(rule.ahead.application)
        self._model.add(self._sum(holds) <= ahead + self._sum(excuses))

    def _binds(self, excuse: Excuse) -> bool:
        return isinstance(excuse, Full) or excuse.limit in self._total

    def _excuse(self, excuse: Excuse) -> cp_model.IntVar:
        """A literal that may be true only where the excuse holds."""
        if excuse not in self._excuses:
            literal = self._model.new_bool_var("")
            match excuse:
                case Full(limit, month, servers):
                    used = self._sum(self._used.get((limit, month), []))
                    least = self._room(limit, month) - servers + 1
                    self._model.add(used >= least).only_enforce_if(literal)
                case Needed(limit, server_months):
                    most = self._lacking(limit) + server_months - 1
                    total = self._sum(self._total[limit])
                    self._model.add(total <= most).only_enforce_if(literal)
            self._excuses[excuse] = literal
        return self._excuses[excuse]

    def _merit(self) -> cp_model.LinearExpr:
        return self._sum(option.merit * self._amount[option] for option in self._all())

    def can_be_met(self, effort: float) -> bool | None:
        """Whether any awards keep all the rules; None where so much effort does not tell."""
        try:
            found, _, _ = self._run(None, effort)
        except Infeasible:
            return False
        return None if found is None or justified_complaints(self._round, found) else True

    def most_merit(self, start: Awards | None, *, bound: int, effort: float) -> Found:
        """Step one: the awards of most merit found, no more than `bound`. Raises Infeasible."""
        kept = merit(self._round, self._fixed)
        self._model.add(self._merit() <= bound - kept)
        self._model.maximize(self._merit())
        found = self._keeping_rank(start, effort)
        if found is None and start is None:
            raise Infeasible
        awards, proven = found or (dict(start or {}), bound - kept)
        return Found(awards, min(bound, proven + kept))

    def _keeping_rank(
        self, start: Awards | None, effort: float
    ) -> tuple[dict[str, Award], int] | None:
        """Solves, and again with the rules that were broken, until none is; None: not in time."""
        begin = start
        while effort > 0 or start is None:
            allowed = effort if start is not None else max(effort, LEAST_EFFORT)
            found, proven, spent = self._run(begin, allowed)
            effort -= spent
            if found is None:
                return None
            broken = justified_complaints(self._round, found)
            if not broken:
                return found, proven
            self._rule(broken)
            begin = found
        return None

    def _rule(self, complaining: Iterable[str]) -> None:
        requests = {r.application: r for r in self._round.requests}
        for application in complaining:
            for rule in self._rules.of(requests[application]):
                self._add_rule(rule)

    def best_places(self, start: Awards, merit_reached: int) -> dict[str, Award]:
        """Step two: at no less merit, better places first, then more wanted options."""
        requests = self._round.requests
        wishes = 1 + max(map(len, self._options.values()), default=0) * len(requests)
        self._model.add(self._merit() >= merit_reached)
        self._model.maximize(
            self._sum(
                ((len(requests) - place) * wishes - wish) * self._choice[option]
                for place, request in enumerate(requests)
                for wish, option in enumerate(self._options.get(request.application, ()))
            )
        )
        found = self._keeping_rank(start, TIE_EFFORT)
        return dict(start) if found is None else found[0]

    def _run(
        self, start: Awards | None, effort: float
    ) -> tuple[dict[str, Award] | None, int, float]:
        """Awards found within `effort`, None if none; the objective's bound; the effort spent."""
        self._hint(start or {})
        solver = self._cp.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = SEED
        solver.parameters.linearization_level = FULL_LINEARIZATION
        solver.parameters.max_deterministic_time = effort
        status = solver.solve(self._model)
        if status == self._cp.UNKNOWN:
            return None, round(solver.best_objective_bound), effort
        if status == self._cp.INFEASIBLE and self._floors:
            raise Infeasible
        if status not in {self._cp.OPTIMAL, self._cp.FEASIBLE}:
            msg = f"{solver.status_name(status)}: {self._model.validate() or 'no plan at all'}"
            raise UnableToSolve(msg)
        found = self._fixed | {
            option.request.application: Award(
                option.offer.pool, solver.value(self._amount[option]), option.start
            )
            for option, choice in self._choice.items()
            if solver.value(choice)
        }
        spent = solver.response_proto.deterministic_time
        return found, round(solver.best_objective_bound), spent

    def _hint(self, start: Awards) -> None:
        self._model.clear_hints()  # type: ignore[no-untyped-call]  # ortools leaves it untyped
        for option, choice in self._choice.items():
            held = start.get(option.request.application)
            here = held is not None and (held.pool, held.start) == (
                option.offer.pool,
                option.start,
            )
            servers = held.servers if held is not None and here else 0
            self._model.add_hint(choice, servers > 0)
            if option in self._parts:
                self._model.add_hint(self._parts[option], servers)


def _said(excuse: Excuse) -> tuple[int, int, int]:
    """A fixed order."""
    match excuse:
        case Full(limit, month, servers):
            return limit.index, month, servers
        case Needed(limit, server_months):
            return limit.index, -1, server_months
