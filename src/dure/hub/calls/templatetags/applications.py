"""How calls and applications are shown: names, amounts, scores, next steps."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from django import template
from django.template import Context
from django.utils.translation import ngettext

from dure.engine.scoring import two_decimals
from dure.hub.allocations.models import Allocation
from dure.hub.calls import next_steps
from dure.hub.calls.models import Application, Call
from dure.hub.portal.templatetags.dure import figure, words
from dure.vocabulary.programme import Programme, SizeClass

register = template.Library()


@register.simple_tag(takes_context=True)
def call_name(context: Context, call: Call) -> str:
    """The call's name in the programme's file; its key where the file has dropped it."""
    programme = context.get("programme")
    found = programme.call(call.key) if isinstance(programme, Programme) else None
    return words(found.label) if found else call.key


@register.filter
def amount(number: int, unit: str) -> str:
    """An amount in the programme's unit."""
    return _of_unit(figure(number), number, unit)


@register.filter
def sizes(size: SizeClass, unit: str) -> str:
    """The bounds of a size class, and those of the models that have their own."""
    models = sorted({*size.min_amount_by_model, *size.max_amount_by_model})
    own = [f"{model} {_between(size.bounds(model), unit)}" for model in models]
    return "; ".join([_between(size.bounds(""), unit), *own])


@register.filter
def decimal(score: str) -> str:
    """An exact score, to two decimals."""
    return two_decimals(Fraction(score))


@register.filter
def total(points: Mapping[str, int]) -> int:
    return sum(points.values())


@register.filter
def next_step(application: Application) -> str:
    return next_steps.next_step(application)


@register.filter
def reasons(application: Application) -> list[str]:
    return list(next_steps.reasons(application))


@register.filter
def failure_words(failure: Mapping[str, Any]) -> list[str]:
    return list(next_steps.failure_words(failure))


@register.filter
def offers(application: Application) -> list[Allocation]:
    return next_steps.offers(application)


def _between(bounds: tuple[int, int], unit: str) -> str:
    least, most = bounds
    said = figure(most) if least == most else f"{figure(least)}–{figure(most)}"
    return _of_unit(said, most, unit)


def _of_unit(said: str, number: int, unit: str) -> str:
    match unit:
        case "server":
            sentence = ngettext("%(number)s server", "%(number)s servers", number)
        case "accelerator":
            sentence = ngettext("%(number)s accelerator", "%(number)s accelerators", number)
        case "accelerator-hour":
            sentence = ngettext(
                "%(number)s accelerator-hour", "%(number)s accelerator-hours", number
            )
        case _:
            sentence = ngettext("%(number)s node-hour", "%(number)s node-hours", number)
    return sentence % {"number": said}
