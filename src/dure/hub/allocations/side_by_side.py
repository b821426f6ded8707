"""A plan and its scenarios as one table: a column each, with the difference to the plan.

- The stored report of each is shown; nothing is solved here and no plan is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext

from dure.engine.allocation.facts import MERIT_PER_POINT
from dure.engine.allocation.report import RoundReport
from dure.hub.allocations.folding import fold, is_long, others
from dure.hub.allocations.models import Decision, Scenario
from dure.hub.allocations.round_report import DIMENSIONS, Fared, Report, written
from dure.hub.allocations.scenario_queries import SIDE_BY_SIDE, refusal
from dure.hub.people.gate import Action, require
from dure.hub.people.models import User
from dure.hub.portal.templatetags.dure import figure
from dure.hub.supply.queries import rules
from dure.vocabulary.programme import Programme


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of one scenario, and by how much it differs from the plan's."""

    value: str
    change: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows under one heading."""

    label: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class SideBySide:
    """The plan and its scenarios, a column each; a refused one has its reason instead."""

    planned: tuple[Scenario, ...]
    refused: tuple[tuple[Scenario, str], ...]
    parts: tuple[Part, ...]
    is_long: bool

    @property
    def columns(self) -> int:
        """Of the table: the figure's name, the plan, the scenarios."""
        return 2 + len(self.planned)


def side_by_side(*, base: Decision, by: User, whole: bool) -> SideBySide:
    """The plan beside its scenarios, in the order they were made.

    Small groups are folded unless the `whole` is asked for.
    """
    require(by, Action.SEE_ROUND)
    found = list(base.scenarios.defer("plan", "differences", "groups").select_related("made_by"))
    planned = tuple(one for one in found if one.report is not None)
    document = rules(base.programme)
    reports = [_report(base.report, document), *(_report(one.report, document) for one in planned)]
    return SideBySide(
        planned=planned,
        refused=tuple((one, refusal(one, base)) for one in found if one.refusal is not None),
        parts=(
            Part(gettext("The round"), tuple(_totals(reports))),
            *_dimensions(reports, whole=whole),
        ),
        is_long=any(is_long(_groups(reports[0], name)) for name in SIDE_BY_SIDE),
    )


def _report(stored: object, document: Programme) -> Report:
    return written(RoundReport.model_validate(stored), document)


def _totals(reports: Sequence[Report]) -> Iterator[Row]:
    yield _row(gettext("Applications served"), [r.served for r in reports])
    yield _row(gettext("of them whole"), [r.funnel.served_whole for r in reports])
    yield _row(gettext("Servers given in the fullest month"), [_fullest(r) for r in reports])
    yield _row(gettext("Server-months given"), [r.funnel.server_months_given for r in reports])
    idle = [sum(sum(pool.left) for pool in r.pools) for r in reports]
    yield _row(gettext("Server-months left idle"), idle)
    merit = [r.funnel.merit // MERIT_PER_POINT for r in reports]
    yield _row(gettext("Merit (points times servers, by weight and months)"), merit)
    gaps = tuple(Cell(_gap(r)) for r in reports)
    yield Row(gettext("Distance to the best there could be, at most"), gaps)


def _fullest(report: Report) -> int:
    """Servers given in the month in which most are."""
    return max(
        (sum(month) for month in zip(*(p.given for p in report.pools), strict=True)), default=0
    )


def _gap(report: Report) -> str:
    return gettext("none: proven") if report.optimal else f"{report.gap_permille} ‰"


def _row(label: str, values: Sequence[int]) -> Row:
    first = values[0]
    return Row(
        label, tuple(Cell(figure(v), f"{v - first:+,d}" if v != first else "") for v in values)
    )


def _dimensions(reports: Sequence[Report], *, whole: bool) -> Iterator[Part]:
    """Applications served of each group, of all that applied."""
    for dimension in SIDE_BY_SIDE:
        label = str(DIMENSIONS[dimension])
        groups = [{one.success.group: one for one in _groups(r, dimension)} for r in reports]
        counted = [
            _Counted(
                one.label,
                one.success.applications,
                tuple(g[key].success.served if key in g else 0 for g in groups),
            )
            for key, one in groups[0].items()
        ]
        shown = counted if whole else fold(counted, size=_applications, together=_added_up)
        if shown:
            rows = (_row(f"{one.label} ({figure(one.applications)})", one.served) for one in shown)
            yield Part(label, tuple(rows))


def _groups(report: Report, dimension: str) -> list[Fared]:
    found = (one for every in report.fairness for one in every.groups)
    return [one for one in found if one.success.dimension == dimension]


@dataclass(frozen=True, slots=True)
class _Counted:
    """A group, how many of it applied, and how many each plan serves."""

    label: str
    applications: int
    served: tuple[int, ...]


def _applications(one: _Counted) -> int:
    return one.applications


def _added_up(several: Sequence[_Counted]) -> _Counted:
    return _Counted(
        others(len(several)),
        sum(one.applications for one in several),
        tuple(map(sum, zip(*(one.served for one in several), strict=True))),
    )
