"""Shares and stacked bars in templates: `{% load figures %}`."""

from __future__ import annotations

from fractions import Fraction

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dure.hub.portal.figures import SERVERS, SIX_WAY, percent, segments, stacked_bar
from dure.hub.portal.templatetags.dure import words
from dure.vocabulary.programme import Programme

register = template.Library()

_TABLES = {"servers": SERVERS, "six ways": SIX_WAY}


@register.filter
def percent_of(part: int, whole: int) -> str:
    """A share to one decimal."""
    return percent(part, whole)


@register.filter
def portion(share: Fraction) -> str:
    """An exact share in per cent."""
    return percent(share.numerator, share.denominator)


@register.filter
def points(score: str) -> str:
    """A stored exact score to two decimals; a dash where there is none."""
    return f"{float(Fraction(score)):.2f}" if score else "–"


@register.filter
def sector(key: str, rules: Programme | None) -> str:
    """A sector's name in the programme; its key where the programme has it no more."""
    known = rules.sectors if rules else ()
    return next((words(one.label) for one in known if one.id == key), key)


@register.filter
def region(key: str, rules: Programme | None) -> str:
    """A region's name in the programme; its key where the programme has it no more."""
    known = rules.regions if rules else ()
    return next((words(one.label) for one in known if one.id == key), key)


@register.simple_tag
def server_bar(pool: object) -> SafeString:
    """The servers of a pool: promised, free, spare, the provider's own."""
    return stacked_bar(segments(SERVERS, pool))


@register.simple_tag
def six_way_bar(split: object) -> SafeString:
    """Where the accelerator time of a pool went."""
    return stacked_bar(segments(SIX_WAY, split))


@register.simple_tag
def legend(of: str) -> SafeString:
    """What the colours mean, of `servers` or `six ways`."""
    return format_html(
        '<ul class="legend">{}</ul>',
        format_html_join(
            "",
            '<li><svg class="swatch" viewBox="0 0 1 1" aria-hidden="true">'
            '<rect class="part-{}" width="1" height="1"></rect></svg>{}</li>',
            ((kind, label) for kind, (_, label) in _TABLES[of].items()),
        ),
    )
