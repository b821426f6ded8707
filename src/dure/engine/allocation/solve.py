"""The most merit that strict rank, capacity, quotas and caps allow, proven by CP-SAT.

- Whole servers and whole merit: the model is exact, no tolerance decides anything.
- One worker, a fixed seed, effort counted in the solver's own units and never in seconds: the
  same round gives the same awards on a slow machine and on a fast one.
- Two steps: first the merit; then, at that merit, better ranks and more wanted pools.
- The solver starts from serving by rank and can only do better.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dure.engine.allocation.facts import Request
from dure.engine.allocation.fill import fill
from dure.engine.allocation.limits import Award, Awards, Limit, Round
from dure.engine.allocation.precedence import Full, precedences

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

MERIT_EFFORT = 30.0
"""Deterministic-time limit of the first step."""

TIE_EFFORT = 1.0
"""Deterministic-time limit of the second step; it refines and need not prove."""

SEED = 1

FULL_LINEARIZATION = 2
"""Rank rules are tight as a linear program: 514 requests proven in 0.3 s, at the solver's default
still 0.6 % open after 30 units of effort (measured on two synthetic rounds of that size)."""


class UnableToSolve(RuntimeError):
    """The solver refused the model. Serving nobody keeps every rule, so the model is at fault."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Awards, their merit, and the merit no plan can exceed."""

    awards: dict[str, Award]
    merit: int
    bound: int


def solve(round_: Round) -> Solution:
    """The best awards found, with a proven bound on the merit of any."""
    start = fill(round_, {})
    if not start:
        return Solution(awards={}, merit=0, bound=0)
    model = _Model(round_)
    best, bound = model.most_merit(start)
    refined = model.best_ranks(best, merit(round_, best))
    awards = fill(round_, refined)
    reached = merit(round_, awards)
    return Solution(awards=awards, merit=reached, bound=max(bound, reached))


def merit(round_: Round, awards: Awards) -> int:
    """Score-weighted servers."""
    return sum(
        request.merit_per_server * awards[request.application].servers
        for request in round_.requests
        if request.application in awards
    )


class _Model:
    """The round as a CP-SAT model: `choice` of a pool, `amount` of servers."""

    def __init__(self, round_: Round) -> None:
        from ortools.sat.python import cp_model  # noqa: PLC0415  # heavy: only who solves pays

        self._cp = cp_model
        self._round = round_
        self._model = cp_model.CpModel()
        self._choice: dict[tuple[str, str], cp_model.IntVar] = {}
        self._amount: dict[tuple[str, str], cp_model.LinearExpr] = {}
        self._parts: dict[tuple[str, str], cp_model.IntVar] = {}
        self._full: dict[Full, cp_model.IntVar] = {}
        for request in round_.requests:
            self._add_request(request)
        self._add_capacities()
        self._add_limits()
        for rule in precedences(round_):
            excuses = sorted(rule.excuses, key=lambda f: (f[0].kind, f[0].name))
            self._model.add(
                self._sum(self._choice[rule.behind.application, p] for p in sorted(rule.pools))
                <= self._served(rule.ahead) + self._sum(self._is_full(full) for full in excuses)
            )

    def _add_request(self, request: Request) -> None:
        application = request.application
        for offer in self._round.pools[application]:
            at = (application, offer.pool)
            choice = self._choice[at] = self._model.new_bool_var("")
            if request.minimum == request.servers:
                self._amount[at] = request.servers * choice
                continue
            most = min(request.servers, offer.servers)
            part = self._parts[at] = self._model.new_int_var(0, most, "")
            self._amount[at] = part
            self._model.add(part >= request.minimum * choice)
            self._model.add(part <= most * choice)
        self._model.add(self._served(request) <= 1)

    def _served(self, request: Request) -> cp_model.LinearExpr:
        application = request.application
        return self._sum(self._choice[application, o.pool] for o in self._round.pools[application])

    def _servers(self, request: Request) -> cp_model.LinearExpr:
        application = request.application
        return self._sum(self._amount[application, o.pool] for o in self._round.pools[application])

    def _merit(self) -> cp_model.LinearExpr:
        return self._sum(r.merit_per_server * self._servers(r) for r in self._round.requests)

    def _sum(self, terms: Iterable[cp_model.LinearExpr]) -> cp_model.LinearExpr:
        return self._cp.LinearExpr.sum(list(terms))

    def _add_capacities(self) -> None:
        for offer in self._round.offers:
            here = [amount for (_, pool), amount in self._amount.items() if pool == offer.pool]
            self._model.add(self._sum(here) <= offer.servers)

    def _bound_by(self, limit: Limit) -> cp_model.LinearExpr:
        limits = self._round.limits
        return self._sum(
            self._servers(r) for r in self._round.requests if limit in limits[r.application]
        )

    def _add_limits(self) -> None:
        every = {limit for bound in self._round.limits.values() for limit in bound}
        for limit in sorted(every, key=lambda x: (x.kind, x.name)):
            self._model.add(self._bound_by(limit) <= limit.room)

    def _is_full(self, full: Full) -> cp_model.IntVar:
        if full not in self._full:
            limit, minimum = full
            self._full[full] = self._model.new_bool_var("")
            taken = limit.room - minimum + 1
            self._model.add(self._bound_by(limit) >= taken).only_enforce_if(self._full[full])
        return self._full[full]

    def most_merit(self, start: Awards) -> tuple[dict[str, Award], int]:
        """Step one: the awards of most merit, and the proven bound."""
        self._model.maximize(self._merit())
        found, bound = self._run(start, MERIT_EFFORT)
        if found is None:
            everybody = sum(r.merit_per_server * r.servers for r in self._round.requests)
            return dict(start), everybody
        return found, bound

    def best_ranks(self, start: Awards, merit_reached: int) -> dict[str, Award]:
        """Step two: at no less merit, better ranks first, then more wanted pools."""
        requests = self._round.requests
        wishes = 1 + max(len(self._round.pools[r.application]) for r in requests) * len(requests)
        self._model.add(self._merit() >= merit_reached)
        self._model.maximize(
            self._sum(
                ((len(requests) - place) * wishes - wish) * self._choice[r.application, offer.pool]
                for place, r in enumerate(requests)
                for wish, offer in enumerate(self._round.pools[r.application])
            )
        )
        found, _ = self._run(start, TIE_EFFORT)
        return found or dict(start)

    def _run(self, start: Awards, effort: float) -> tuple[dict[str, Award] | None, int]:
        """Awards found from `start` within `effort`, None if none, and the objective's bound."""
        self._hint(start)
        solver = self._cp.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = SEED
        solver.parameters.linearization_level = FULL_LINEARIZATION
        solver.parameters.max_deterministic_time = effort
        status = solver.solve(self._model)
        if status == self._cp.UNKNOWN:
            return None, 0
        if status not in {self._cp.OPTIMAL, self._cp.FEASIBLE}:
            msg = f"{solver.status_name(status)}: {self._model.validate() or 'no plan at all'}"
            raise UnableToSolve(msg)
        found = {
            application: Award(pool, solver.value(self._amount[application, pool]))
            for (application, pool), choice in self._choice.items()
            if solver.value(choice)
        }
        return found, round(solver.best_objective_bound)

    def _hint(self, start: Awards) -> None:
        self._model.clear_hints()  # type: ignore[no-untyped-call]  # ortools leaves it untyped
        for (application, pool), choice in self._choice.items():
            held = start.get(application)
            servers = held.servers if held is not None and held.pool == pool else 0
            self._model.add_hint(choice, servers > 0)
            if (application, pool) in self._parts:
                self._model.add_hint(self._parts[application, pool], servers)
