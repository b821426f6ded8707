"""Reading what-if scenarios: side by side, and one held against the round it started from.

- The stored report of each is shown; nothing is solved here.
- A plan may be megabytes: the pages read the reports, and the differences of one scenario.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy

from dure.engine.allocation.compare import Difference, GroupDifference
from dure.engine.allocation.conflict import Conflict
from dure.hub.allocations.folding import fold, others
from dure.hub.allocations.labels import POLICIES
from dure.hub.allocations.models import Decision, Scenario
from dure.hub.allocations.round_queries import ROUND
from dure.hub.allocations.round_report import DIMENSIONS, group_name
from dure.hub.allocations.rounds import said_conflict
from dure.hub.allocations.scenarios import labels
from dure.hub.calls.models import Application, Call
from dure.hub.people.gate import Action, NotPermitted, require
from dure.hub.people.models import User
from dure.hub.portal.templatetags.dure import figure, words
from dure.hub.supply.queries import rules
from dure.vocabulary.plans import Reason
from dure.vocabulary.scenario import Change

SIDE_BY_SIDE: Final = ("sector", "size_class", "region")
"""The dimensions that scenarios are compared by."""

NOT_RANKED: Final = Reason(code="scenario.not_ranked")

CHANGES: Final[dict[str, Promise]] = {
    "won": pgettext_lazy("what a scenario changes", "Served only here"),
    "lost": pgettext_lazy("what a scenario changes", "No longer served"),
    "more": pgettext_lazy("what a scenario changes", "Gets more"),
    "fewer": pgettext_lazy("what a scenario changes", "Gets less"),
    "moved": pgettext_lazy("what a scenario changes", "Other pool or months"),
}


@dataclass(frozen=True, slots=True)
class Differing:
    """One application that a scenario treats otherwise."""

    difference: Difference
    application: Application | None


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """By how much a group is better or worse off, under its name."""

    label: str
    difference: GroupDifference


@dataclass(frozen=True, slots=True)
class DimensionSeen:
    label: str
    groups: tuple[GroupSeen, ...]
    most: int


def rounds_of(*, call: Call, by: User) -> tuple[Decision, ...]:
    """Every round of the call, the latest first, with how many scenarios it has."""
    require(by, Action.SEE_ROUND)
    found = Decision.objects.filter(call=call, kind=ROUND).only(
        "number", "state", "made_at", "generation", "programme_id"
    )
    return tuple(found.annotate(asked=Count("scenarios")).order_by("-number"))


def a_base(*, call: Call, number: int | None, by: User) -> Decision | None:
    """The round that scenarios start from: of that number, else the latest. None before one.

    Raises NotPermitted where the call has no such round.
    """
    require(by, Action.SEE_ROUND)
    found = (
        Decision.objects.filter(call=call, kind=ROUND)
        .select_related("programme", "call")
        .defer("snapshot", "plan", "programme__document")
        .order_by("-number")
    )
    if number is None:
        return found.first()
    base = found.filter(number=number).first()
    if base is None:
        raise NotPermitted(by, Action.SEE_ROUND)
    return base


def offers_of(decision: Decision) -> list[dict[str, Any]]:
    """What the pools of a stored round had to give."""
    found = Decision.objects.annotate(offers=F("snapshot__offers"))
    return list(found.values_list("offers", flat=True).get(pk=decision.pk))


def a_scenario(*, call: Call, pk: int, by: User) -> Scenario:
    """One scenario with its differences. Raises NotPermitted, also where there is none."""
    return _the_scenario(Q(pk=pk, decision__call=call), by)


def named(*, decision: Decision, name: str, by: User) -> Scenario:
    """The scenario of that name. Raises NotPermitted, also where there is none."""
    return _the_scenario(Q(decision=decision, name=name), by)


def _the_scenario(which: Q, by: User) -> Scenario:
    require(by, Action.SEE_ROUND)
    found = (
        Scenario.objects.filter(which)
        .select_related("decision__programme", "decision__call", "made_by")
        .defer("plan", "decision__plan", "decision__snapshot", "decision__programme__document")
        .first()
    )
    if found is None:
        raise NotPermitted(by, Action.SEE_ROUND)
    return found


def refusal(scenario: Scenario, base: Decision) -> str:
    """Why no plan fits the scenario, its rules as the programme calls them; else nothing."""
    if scenario.refusal is None:
        return ""
    conflict = Conflict.model_validate(scenario.refusal["params"]["conflict"])
    return said_conflict(conflict, labels(base, Change.model_validate(scenario.change)))


def differences(
    *, scenario: Scenario, by: User, change: str = "", sector: str = "", text: str = ""
) -> list[Difference]:
    """Which applications the scenario treats otherwise; narrowed where asked."""
    require(by, Action.SEE_ROUND)
    found = [_with_both_reasons(one) for one in scenario.differences]
    if change:
        found = [one for one in found if one.change == change]
    if sector or text:
        wanted = _wanted(scenario, sector, text)
        found = [one for one in found if one.application in wanted]
    return found


def _with_both_reasons(stored: object) -> Difference:
    """Who is in the plan alone is without a rank by the scenario's scores."""
    one = Difference.model_validate(stored)
    return one if one.why_after else one.model_copy(update={"why_after": NOT_RANKED})


def _wanted(scenario: Scenario, sector: str, text: str) -> set[str]:
    found = Application.objects.filter(call=scenario.decision.call)
    if sector:
        found = found.filter(organisation__sector=sector)
    if text:
        found = found.filter(
            Q(title__icontains=text)
            | Q(number__icontains=text)
            | Q(organisation__name__icontains=text)
        )
    return set(found.values_list("number", flat=True))


def titled(found: Sequence[Difference]) -> list[Differing]:
    """The differences of one page with their applications."""
    numbers = [one.application for one in found]
    rows = Application.objects.filter(number__in=numbers).select_related("organisation")
    known = {row.number: row for row in rows.defer("answers", "failures")}
    return [Differing(one, known.get(one.application)) for one in found]


def by_group(scenario: Scenario) -> tuple[DimensionSeen, ...]:
    """The groups that fare otherwise, by sector, size class and region."""
    document = rules(scenario.decision.programme)
    found = [GroupDifference.model_validate(one) for one in scenario.groups]
    return tuple(
        _dimension(
            str(DIMENSIONS[dimension]),
            tuple(
                GroupSeen(group_name(dimension, one.group, document), one)
                for one in found
                if one.dimension == dimension
            ),
        )
        for dimension in SIDE_BY_SIDE
        if any(one.dimension == dimension for one in found)
    )


def folded(dimensions: Sequence[DimensionSeen]) -> tuple[DimensionSeen, ...]:
    """The same with the groups that shift least as one row, where there are many."""
    return tuple(
        _dimension(one.label, fold(one.groups, size=_shift, together=_shifts)) for one in dimensions
    )


def _dimension(label: str, groups: tuple[GroupSeen, ...]) -> DimensionSeen:
    return DimensionSeen(label, groups, most=max(map(_shift, groups)))


def _shift(group: GroupSeen) -> int:
    return abs(group.difference.server_months)


def _shifts(groups: Sequence[GroupSeen]) -> GroupSeen:
    """Several groups as one: what some gain and others lose adds up."""
    together = GroupDifference(
        dimension=groups[0].difference.dimension,
        group="",
        served=sum(one.difference.served for one in groups),
        server_months=sum(one.difference.server_months for one in groups),
    )
    return GroupSeen(others(len(groups)), together)


def said(scenario: Scenario) -> list[tuple[str, str]]:
    """What the scenario changes, in words: (of what, to what)."""
    change = Change.model_validate(scenario.change)
    return list(_said(change, labels(scenario.decision, change)))


def _said(change: Change, known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if change.policy:
        yield gettext("Way to choose"), str(POLICIES[change.policy])
    if change.lottery_bands:
        yield gettext("Bands of the lottery"), ", ".join(str(b) for b in change.lottery_bands)
    if change.standings:
        yield gettext("Scores"), gettext("the reviewers' own, not corrected")
    if change.organisation_cap is not None:
        yield gettext("Most that one organisation may hold"), _amount(change.organisation_cap)
    for group, bound in change.bounds.items():
        yield from _bounds(words(known[group]), bound.most, bound.least)
    for rule in change.added:
        most = rule.most.servers if rule.most else None
        yield from _bounds(words(rule.label), most, rule.least.servers if rule.least else None)
    for group in change.dropped:
        yield words(known[group]), gettext("no bound")
    for pool, supply in change.supply.items():
        to = f"{supply.by:+d}" if supply.by is not None else figure(supply.to)
        yield gettext("Servers of %(pool)s") % {"pool": pool}, to
    for pool, spares in change.spares.items():
        yield gettext("Spares of %(pool)s") % {"pool": pool}, f"{spares:+d}"


def _bounds(label: str, most: object, least: object) -> Iterator[tuple[str, str]]:
    if most is not None:
        yield gettext("%(group)s: most") % {"group": label}, _amount(most)
    if least is not None:
        yield gettext("%(group)s: least") % {"group": label}, _amount(least)


def _amount(asked: object) -> str:
    return figure(asked) if isinstance(asked, int) else gettext("no bound")
