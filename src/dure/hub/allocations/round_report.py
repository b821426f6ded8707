"""What a round came to, in the programme's own words: its funnel, its fairness, its bounds.

- Nothing is worked out here: the report was made with the plan and is stored beside it. Only small
  groups are added up where a page folds them.
- Groups are called as the programme's file calls them; a key that it has dropped stands for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dure.engine.allocation.facts import MERIT_PER_POINT, Price
from dure.engine.allocation.report import BoundUse, Funnel, PoolUse, RoundReport, Success
from dure.hub.allocations.folding import fold, others, success_together
from dure.hub.allocations.rounds import labels_of
from dure.hub.portal.templatetags.dure import words
from dure.vocabulary.frozen import Text
from dure.vocabulary.programme import Programme

DIMENSIONS: Final[dict[str, Promise]] = {
    "sector": _("Sector"),
    "region": _("Region"),
    "track": _("Track"),
    "size_class": _("Size class"),
    "first_time": _("First award of the organisation"),
    "young_company": _("Young company"),
}
"""What success is counted by, in this order; further facets follow under their own names."""


@dataclass(frozen=True, slots=True)
class Step:
    """How many applications are left at one step of the funnel."""

    label: str
    applications: int


@dataclass(frozen=True, slots=True)
class Fared:
    """One group's success, under its name; the interval of 95 % in per cent."""

    label: str
    success: Success

    @property
    def low_percent(self) -> int:
        return round(self.success.low * 100)

    @property
    def high_percent(self) -> int:
        return round(self.success.high * 100)


@dataclass(frozen=True, slots=True)
class Dimension:
    """All groups of one kind."""

    label: str
    groups: tuple[Fared, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound under its name, in the month that leaves least of it."""

    label: str
    use: BoundUse

    @property
    def held(self) -> int:
        return max(self.use.held)

    @property
    def given(self) -> int:
        return max(self.use.given)

    @property
    def left(self) -> int | None:
        return None if self.use.left is None else min(self.use.left)

    @property
    def taken(self) -> int:
        """The most that is held and given in a month."""
        return max(a + b for a, b in zip(self.use.held, self.use.given, strict=True))

    @property
    def points(self) -> str:
        return dearest(self.use.prices)


@dataclass(frozen=True, slots=True)
class Report:
    """A round's report as pages, programs and terminals show it."""

    funnel: Funnel
    steps: tuple[Step, ...]
    fairness: tuple[Dimension, ...]
    bounds: tuple[Bound, ...]
    pools: tuple[PoolUse, ...]
    complaints: int

    @property
    def served(self) -> int:
        return self.funnel.served_whole + self.funnel.served_in_part

    @property
    def optimal(self) -> bool:
        return self.funnel.merit == self.funnel.bound

    @property
    def gap_permille(self) -> int:
        """How far it may lie from the best, rounded up."""
        return -(-(self.funnel.gap.numerator * 1000) // self.funnel.gap.denominator)


def fairness(report: Report, *, whole: bool) -> tuple[Dimension, ...]:
    """The dimensions that tell groups apart; small groups folded unless the `whole` is asked."""
    told = tuple(one for one in report.fairness if len(one.groups) > 1)
    if whole:
        return told
    return tuple(
        Dimension(one.label, fold(one.groups, size=_applications, together=_together))
        for one in told
    )


def _applications(fared: Fared) -> int:
    return fared.success.applications


def _together(fared: Sequence[Fared]) -> Fared:
    return Fared(others(len(fared)), success_together([one.success for one in fared]))


def dearest(prices: Sequence[Price]) -> str:
    """The highest price of a server for a month, in points, to one decimal; none: nothing."""
    most = max((price.merit for price in prices), default=0)
    return f"{most / MERIT_PER_POINT:.1f}" if most else ""


def written(report: RoundReport, document: Programme) -> Report:
    """The report in the reader's language."""
    return Report(
        funnel=report.funnel,
        steps=_steps(report.funnel),
        fairness=_dimensions(report.fairness, document),
        bounds=tuple(Bound(_bound_label(use, document), use) for use in report.bounds),
        pools=report.pools,
        complaints=report.complaints,
    )


def _steps(funnel: Funnel) -> tuple[Step, ...]:
    return (
        Step(gettext("Applications in the round"), funnel.applications),
        Step(gettext("A pool of the round could hold them"), funnel.fit_a_pool),
        Step(gettext("Allowed by quotas and caps"), funnel.within_bounds),
        Step(gettext("Served, whole or in part"), funnel.served_whole + funnel.served_in_part),
        Step(gettext("Served whole"), funnel.served_whole),
    )


def _dimensions(fairness: Sequence[Success], document: Programme) -> tuple[Dimension, ...]:
    order = list(DIMENSIONS)
    known = {name: position for position, name in enumerate(order)}
    ordered = sorted(fairness, key=lambda s: (known.get(s.dimension, len(order)), s.dimension))
    return tuple(
        Dimension(
            label=str(DIMENSIONS.get(dimension, dimension)),
            groups=tuple(Fared(group_label(one, document), one) for one in groups),
        )
        for dimension, groups in groupby(ordered, key=lambda s: s.dimension)
    )


def group_label(success: Success, document: Programme) -> str:
    """What the programme calls the group."""
    return group_name(success.dimension, success.group, document)


def group_name(dimension: str, group: str, document: Programme) -> str:
    """What the programme calls this group of a dimension."""
    known = _labels(dimension, document)
    if group in {"yes", "no"} and not known:
        return gettext("yes") if group == "yes" else gettext("no")
    return words(known[group]) if group in known else group


def _labels(dimension: str, document: Programme) -> dict[str, Text]:
    match dimension:
        case "sector":
            return {one.id: one.label for one in document.sectors}
        case "region":
            return {one.id: one.label for one in document.regions}
        case "track":
            return {one.id: one.label for one in document.tracks}
        case "size_class":
            return {one.id: one.label for t in document.tracks for one in t.size_classes}
        case _:
            return {}


def _bound_label(use: BoundUse, document: Programme) -> str:
    label = words(labels_of([use.group], document)[0])
    return f"{label}: {use.unit}" if use.unit else label
