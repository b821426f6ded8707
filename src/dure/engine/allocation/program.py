"""The relaxation as a linear program, solved by GLOP's dual simplex.

- A way takes its amount of each resource in all its months. Written as a chain (what is in use in a
  month is what was, plus what starts, less what ends) every way has two entries a resource, and not
  one for every month.
- Months that are not fresh bind nobody and are left out; their price is nothing.
- Every way is between nothing and all of it, so the dual simplex starts at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from dure.engine.allocation.columns import Columns, Index
from dure.engine.allocation.passed_over import OrderRow
from dure.engine.allocation.prices import Numbers

if TYPE_CHECKING:
    from ortools.linear_solver.python.model_builder_helper import ModelBuilderHelper

SCALE: Final = 1e-6
"""Merit is about a million times the amounts beside it; the solver wants them alike."""

PARAMETERS: Final = "use_dual_simplex: true"
"""Half the time of the primal on 20,000 requests over 24 months; serial, so always the same."""


@dataclass(frozen=True, eq=False)
class Resource:
    """`capacity` by month; `amount` by column, 0 where the column does not use it."""

    capacity: Index
    amount: Index


@dataclass(frozen=True, eq=False)
class Floor:
    """What columns must bring together; `amount` by column, in server-months."""

    least: int
    amount: Index


@dataclass(frozen=True, eq=False)
class Optimum:
    """`prices`: resource by month. `floors`: what one more server-month asked for would cost.

    `order`: by row of rank, what passing over would bring.
    """

    prices: Numbers
    floors: Numbers
    order: Numbers
    share: Numbers


def optimum(
    columns: Columns,
    active: Index,
    resources: Sequence[Resource],
    floors: Sequence[Floor],
    order: Sequence[OrderRow],
    *,
    months: int,
    fresh: Index,
    part: float,
) -> Optimum | None:
    """The program over the active columns, with this part of all bounds; None: floors too high."""
    from ortools.linear_solver.python import (  # noqa: PLC0415  # heavy: only who solves pays
        model_builder_helper as mb,
    )

    helper = mb.ModelBuilderHelper()
    helper.set_maximize(True)
    for worth in (columns.worth[active] * SCALE).tolist():
        _variable(helper, 1.0, worth)
    starts, ends = (np.searchsorted(fresh, m[active]) for m in (columns.start, columns.end))
    chains = [
        _chain(helper, starts, ends, r.amount[active], (part * r.capacity[fresh]).tolist())
        for r in resources
    ]
    _requests(helper, columns.request[active])
    rows = [_floor(helper, active, floor, part) for floor in floors]
    place = np.full(len(columns.request), -1)
    place[active] = np.arange(len(active))
    ordered = [_order(helper, place, row) for row in order]
    solver = mb.ModelSolverHelper("GLOP")
    solver.set_solver_specific_parameters(PARAMETERS)
    solver.solve(helper)
    if solver.status() != mb.SolveStatus.OPTIMAL:
        return None
    reduced = np.asarray(solver.reduced_costs())
    share = np.zeros(len(columns.request))
    share[active] = np.asarray(solver.variable_values())[: len(active)]
    duals = np.asarray(solver.dual_values())
    prices = np.zeros((len(resources), months))
    for row, chain in zip(prices, chains, strict=True):
        row[fresh] = np.maximum(reduced[chain], 0) / SCALE
    return Optimum(
        prices=prices,
        floors=np.array([max(0.0, -duals[row]) for row in rows]) / SCALE,
        order=np.array([max(0.0, duals[row]) for row in ordered]) / SCALE,
        share=share,
    )


def _variable(helper: ModelBuilderHelper, most: float, worth: float = 0.0) -> int:
    index: int = helper.add_var()
    helper.set_var_lower_bound(index, 0.0)
    helper.set_var_upper_bound(index, most)
    helper.set_var_objective_coefficient(index, worth)
    return index


def _row(helper: ModelBuilderHelper, least: float, most: float) -> int:
    index: int = helper.add_linear_constraint()
    helper.set_constraint_lower_bound(index, least)
    helper.set_constraint_upper_bound(index, most)
    return index


def _chain(
    helper: ModelBuilderHelper, starts: Index, ends: Index, amount: Index, capacity: list[float]
) -> list[int]:
    """The variables of what is in use in each month, tied to what starts and ends."""
    users = np.flatnonzero(amount)
    months = len(capacity)
    used = [_variable(helper, most) for most in capacity]
    rows = [_row(helper, 0.0, 0.0) for _ in used]
    for month, row in enumerate(rows):
        helper.add_term_to_constraint(row, used[month], -1.0)
        if month:
            helper.add_term_to_constraint(row, used[month - 1], 1.0)
    for user, start, end in zip(
        users.tolist(), starts[users].tolist(), ends[users].tolist(), strict=True
    ):
        much = float(amount[user])
        helper.add_term_to_constraint(rows[start], user, much)
        if end < months:
            helper.add_term_to_constraint(rows[end], user, -much)
    return used


def _requests(helper: ModelBuilderHelper, request: Index) -> None:
    """No request is served more than once."""
    bounds = [*np.flatnonzero(np.diff(request, prepend=-1)).tolist(), len(request)]
    for first, end in pairwise(bounds):
        if end - first > 1:
            row = _row(helper, 0.0, 1.0)
            for index in range(first, end):
                helper.add_term_to_constraint(row, index, 1.0)


def _floor(helper: ModelBuilderHelper, active: Index, floor: Floor, part: float) -> int:
    amount = floor.amount[active]
    row = _row(helper, part * floor.least, float("inf"))
    for index in np.flatnonzero(amount).tolist():
        helper.add_term_to_constraint(row, index, float(amount[index]))
    return row


def _order(helper: ModelBuilderHelper, place: Index, order: OrderRow) -> int:
    """No more is served behind than ahead."""
    row = _row(helper, float("-inf"), 0.0)
    behind, ahead = place[order.behind].tolist(), place[order.ahead].tolist()
    for index in behind:
        if index >= 0:
            helper.add_term_to_constraint(row, index, 1.0)
    for index, times in zip(ahead, order.times.tolist(), strict=True):
        if index >= 0:
            helper.add_term_to_constraint(row, index, -float(times))
    return row
