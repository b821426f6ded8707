"""How pages show the stages of a review and their verdicts."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dure.hub.calls.models import Application
from dure.hub.people.models import User
from dure.hub.portal.templatetags.dure import words
from dure.hub.reviews import queries
from dure.hub.reviews.labels import KINDS, STATES

register = template.Library()


@register.filter
def stage_kind(kind: str) -> str:
    """What kind of stage it is, in words."""
    return str(KINDS[kind])


@register.filter
def stage_badge(state: str) -> SafeString:
    """How far a stage has come, as a badge."""
    tone, label = STATES[state]
    return format_html('<span class="badge badge-{}">{}</span>', tone, label)


@register.inclusion_tag("reviews/verdicts.html")
def verdicts(application: Application) -> dict[str, object]:
    """What each stage found of the application, in words."""
    return {"verdicts": queries.verdicts_on(application)}


@register.inclusion_tag("reviews/asked.html")
def reviews_asked(user: User) -> dict[str, object]:
    """Where an applicant reviews others in peer review: how many, and the way there."""
    return {"asked": queries.still_asked(user)}


@register.filter
def stage_name(verdict: queries.VerdictSeen) -> str:
    """The name of a verdict's stage."""
    return words(verdict.label)
