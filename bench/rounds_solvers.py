"""The plain model in OR-Tools CP-SAT and in HiGHS, each with one worker and otherwise as it comes.

- What they say on the way is kept as points (CPU s since the start, merit found, merit bound):
  CP-SAT's from its callbacks, HiGHS's from its log, whose seconds are taken as CPU in proportion.
- HiGHS is reached through MathOpt. It counts merit in points, not thousandths, as a scale it likes
  better; a row that holds only under a condition becomes one with a large enough factor.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bench.rounds_data import Awards
from bench.rounds_plain import NO_MODEL, Clock, Model, Row, Term

Point = tuple[float, int, int]
POINT = 1000


@dataclass
class Found:
    """`bound` is None where the solver has said none, `awards` where it has found no plan.

    `built_cpu_s`: until the solver had its model.
    """

    awards: Awards | None = None
    bound: int | None = None
    built_cpu_s: float = 0
    points: list[Point] = field(default_factory=list)


def by_cp_sat(plain: Model) -> Found:
    from ortools.sat.python import cp_model  # noqa: PLC0415  # loaded only by its own contestant

    model = cp_model.CpModel()
    variables = [model.new_int_var(0, upper, "") for upper in plain.upper]

    def total(terms: list[Term]) -> cp_model.LinearExprT:
        return cp_model.LinearExpr.weighted_sum(
            [variables[v] for v, _ in terms], [factor for _, factor in terms]
        )

    for row in plain.rows:
        plain.look_at_clock(NO_MODEL)
        added = model.add(total(row.terms) <= row.most)
        if row.where is not None:
            added.only_enforce_if(variables[row.where])
    model.maximize(total(plain.merit))
    found = Found(built_cpu_s=plain.clock.cpu_s())

    def keep(merit: float, bound: float) -> None:
        found.points.append((plain.clock.cpu_s(), round(merit), round(bound)))

    class Watch(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self) -> None:
            keep(self.objective_value, self.best_objective_bound)

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = _left(plain)
    solver.best_bound_callback = lambda bound: keep(_merit(found), bound)
    status = solver.solve(model, Watch())
    if status in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        found.awards = plain.awards({v: solver.value(x) for v, x in enumerate(variables)})
    found.bound = round(solver.best_objective_bound)
    return found


def by_highs(plain: Model) -> Found:
    from ortools.math_opt.python import mathopt  # noqa: PLC0415  # loaded by its own contestant

    model = mathopt.Model()
    variables = [model.add_integer_variable(lb=0, ub=upper) for upper in plain.upper]
    for row in plain.rows:
        plain.look_at_clock(NO_MODEL)
        terms, most = _unconditional(plain, row)
        added = model.add_linear_constraint(ub=most)
        for variable, factor in terms:
            added.set_coefficient(variables[variable], factor)
    for variable, factor in plain.merit:
        model.objective.set_linear_coefficient(variables[variable], factor / POINT)
    model.objective.is_maximize = True
    limits = mathopt.SolveParameters(
        time_limit=timedelta(seconds=_left(plain)), relative_gap_tolerance=0.0, enable_output=True
    )
    built_cpu_s, clock = plain.clock.cpu_s(), Clock()
    with _printed() as log:
        solved = mathopt.solve(model, mathopt.SolverType.HIGHS, params=limits)
    found = Found(built_cpu_s=built_cpu_s)
    found.points = [(built_cpu_s + clock.pace() * s, m, b) for s, m, b in _points(log)]
    if solved.has_primal_feasible_solution():
        value = solved.variable_values(variables)
        found.awards = plain.awards({v: round(x) for v, x in enumerate(value)})
    bound = solved.termination.objective_bounds.dual_bound
    found.bound = round(bound * POINT) if abs(bound) < float("inf") else None
    return found


def _merit(found: Found) -> int:
    return found.points[-1][1] if found.points else 0


def _left(plain: Model) -> float:
    """Wall seconds in which the CPU seconds left will have passed, at the pace so far."""
    plain.look_at_clock(NO_MODEL)
    return (plain.limit_cpu_s - plain.clock.cpu_s()) / plain.clock.pace()


def _unconditional(plain: Model, row: Row) -> tuple[list[Term], int]:
    """The row with its condition, if any, as one more term."""
    if row.where is None:
        return row.terms, row.most
    largest = sum(max(0, factor * plain.upper[v]) for v, factor in row.terms)
    return [*row.terms, (row.where, largest - row.most)], largest


_LOG_LINE = re.compile(
    r"^ [A-Za-z ]?\s+\d+\s+\d+\s+\d+\s+[\d.]+%\s+(\S+)\s+(\S+)\s+\S+\s.*?([\d.]+)s\s*$"
)


def _points(log: list[str]) -> Iterator[Point]:
    for line in log:
        if (read := _LOG_LINE.match(line)) and "inf" not in read[1] and "inf" not in read[2]:
            bound, merit, seconds = (float(x) for x in read.groups())
            yield seconds, round(merit * POINT), round(bound * POINT)


@contextmanager
def _printed() -> Iterator[list[str]]:
    """The lines that a library prints to the process's own standard output."""
    lines: list[str] = []
    kept = os.dup(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log")
        with path.open("wb") as file:
            os.dup2(file.fileno(), 1)
            try:
                yield lines
            finally:
                os.dup2(kept, 1)
                os.close(kept)
        lines.extend(path.read_text().splitlines())
