"""Supply calls in templates: `{% load tenders %}`."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from django import template
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from dure.engine.tender.explain import two_decimals
from dure.hub.portal.figures import percent
from dure.hub.portal.templatetags.dure import figure, words
from dure.hub.tenders.models import Bid, SupplyCall
from dure.hub.tenders.operations import rules_of
from dure.vocabulary.programme.supply_calls import (
    LESS_IS_BETTER,
    ComputedFigure,
    Linear,
    Minimum,
    SupplyCriterion,
)

register = template.Library()

FIGURES: Final[dict[ComputedFigure, Promise]] = {
    "pflops_per_billion": gettext_lazy("PFLOP/s (dense BF16) for a billion of the price"),
    "public_share": gettext_lazy("share of the accelerators for public use"),
    "largest_cluster": gettext_lazy("servers for public use in the largest cluster"),
    "kw_per_pflops": gettext_lazy("kW for one PFLOP/s"),
    "months_to_service": gettext_lazy("months until the last cluster is in service"),
}

OUTCOMES: Final[dict[str, tuple[str, Promise]]] = {
    "won": ("positive", pgettext_lazy("outcome of a bid", "Chosen")),
    "reduced": ("info", pgettext_lazy("outcome of a bid", "Chosen in part")),
    "refused": ("negative", pgettext_lazy("outcome of a bid", "Not chosen")),
    "below_pass_mark": ("negative", pgettext_lazy("outcome of a bid", "Below the pass mark")),
    "not_scored": ("negative", pgettext_lazy("outcome of a bid", "Not scored")),
    "out": ("negative", pgettext_lazy("outcome of a bid", "No longer considered")),
}

BID_TONES: Final = {
    "submitted": "info",
    "admitted": "info",
    "refused": "negative",
    "selected": "positive",
    "rejected": "negative",
    "failed": "negative",
    "agreed": "positive",
}


@register.filter
def supply_call_name(call: SupplyCall) -> str:
    """The call's name in the programme's file; its key where the file has dropped it."""
    try:
        return words(rules_of(call).label)
    except StopIteration:
        return call.key


@register.filter
def exact_points(points: Fraction | None) -> str:
    """Exact points, cut to two decimals; a dash where there are none."""
    return "–" if points is None else two_decimals(points)


@register.filter
def value_of(value: Fraction, name: ComputedFigure) -> str:
    """A computed figure's value."""
    if name == "public_share":
        return percent(value.numerator, value.denominator)
    return figure(int(value)) if value.denominator == 1 else two_decimals(value)


@register.filter
def figure_name(name: ComputedFigure) -> str:
    return str(FIGURES[name])


@register.filter
def formula(criterion: SupplyCriterion) -> str:
    """How the points of a criterion come about, in words."""
    if criterion.figure is None:
        if criterion.stage == "presentation":
            return gettext("Scored by reviewers at the presentation.")
        return gettext("Scored by reviewers.")
    said = figure_name(criterion.figure)
    if isinstance(criterion.formula, Linear):
        sentence = gettext(
            "Computed: %(figure)s. None at %(worst)s, all at %(best)s, in proportion between."
        )
        worst = value_of(criterion.formula.worst, criterion.figure)
        best = value_of(criterion.formula.best, criterion.figure)
        return sentence % {"figure": said, "worst": worst, "best": best}
    if criterion.figure in LESS_IS_BETTER:
        return gettext("Computed: %(figure)s. Points times the least of all bids / the bid's.") % {
            "figure": said
        }
    return gettext("Computed: %(figure)s. Points times the bid's / the most of all bids.") % {
        "figure": said
    }


@register.filter
def minimum(rule: Minimum) -> str:
    """A minimum of what is bought, in words."""
    models = ", ".join(rule.models) or gettext("any model")
    most = {"at_least": figure(rule.at_least), "models": models}
    if rule.kind == "accelerators":
        said = gettext("At least %(at_least)s accelerators for public use in all (%(models)s).")
    elif rule.each_winner:
        said = gettext(
            "Of each winner one cluster with at least %(at_least)s servers for public use"
            " (%(models)s)."
        )
    else:
        said = gettext(
            "Of some winner one cluster with at least %(at_least)s servers for public use"
            " (%(models)s)."
        )
    return said % most


@register.filter
def bid_badge(bid: Bid) -> SafeString:
    """How far a bid has come, as a badge."""
    tone = BID_TONES.get(bid.state, "neutral")
    return format_html('<span class="badge badge-{}">{}</span>', tone, Bid.State(bid.state).label)


@register.filter
def bid_outcome(outcome: str) -> SafeString:
    """The outcome of a bid as a badge."""
    tone, label = OUTCOMES[outcome]
    return format_html('<span class="badge badge-{}">{}</span>', tone, label)
