"""Figures in templates: `{% load figures %}`."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dure.hub.portal import figures
from dure.hub.portal.figures import Segment

register = template.Library()

register.filter("hours", figures.hours)
register.filter("number", figures.number)


@register.filter
def percent_of(part: int, whole: int) -> str:
    return figures.percent(part, whole)


@register.simple_tag
def stacked_bar(parts: Sequence[Segment]) -> SafeString:
    return figures.stacked_bar(parts)


@register.simple_tag
def legend(parts: Sequence[Segment]) -> SafeString:
    """What the colours of a bar mean."""
    return format_html(
        '<ul class="legend">{}</ul>',
        format_html_join(
            "",
            '<li><svg class="swatch" viewBox="0 0 1 1" aria-hidden="true">'
            '<rect class="part-{}" width="1" height="1"></rect></svg>{}</li>',
            ((part.kind, part.label) for part in parts),
        ),
    )
