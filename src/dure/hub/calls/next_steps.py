"""What an applicant can expect or should do next, in words, and why things stand as they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext

from dure.hub.allocations.models import Allocation
from dure.hub.calls.models import Application, Call
from dure.hub.portal.reasons import sentence
from dure.hub.portal.templatetags.dure import words

State = Application.State


def next_step(application: Application) -> str:
    """One sentence: what comes next, and whose turn it is."""
    match State(application.state):
        case State.DRAFT:
            return _of_a_draft(application.call)
        case State.SUBMITTED:
            return gettext("Submitted. Once the call has closed, eligibility is screened.")
        case State.ADMITTED:
            return gettext("Admitted. Reviewers are scoring the application.")
        case State.RANKED:
            return gettext("Reviewed. The allocation round decides next.")
        case State.AWARDED:
            return _of_an_award(application)
        case State.WAITLISTED:
            return gettext(
                "On the waitlist. Capacity that falls free is offered in the order of the list."
            )
        case State.REFUSED | State.REJECTED:
            return gettext("Decided. The reasons are given with the decision.")
        case State.WITHDRAWN:
            return gettext("Withdrawn. Nothing more happens with this application.")


def reasons(application: Application) -> Iterator[str]:
    """Why it was decided so: the last decision's sentence, then every rule that was not met."""
    outcomes = list(application.outcomes.all())
    if outcomes:
        yield sentence(outcomes[0].reason)
        if outcomes[0].change and application.state == State.WAITLISTED:
            yield sentence(outcomes[0].change)
    for failure in application.failures:
        yield from failure_words(failure)


def failure_words(failure: Mapping[str, Any]) -> Iterator[str]:
    """A stored failure in the reader's language: the rule's sentence, then by what it failed."""
    yield sentence(failure["reason"]) if "reason" in failure else words(failure["say"])
    if failure.get("detail"):
        yield sentence(failure["detail"])


def offers(application: Application) -> list[Allocation]:
    """Allocations that wait for the applicant's agreement."""
    return [a for a in allocations(application) if a.state == Allocation.State.OFFERED]


def allocations(application: Application) -> list[Allocation]:
    """What the application's project was granted, the earliest first."""
    project = getattr(application, "project", None)
    return list(project.allocations.all()) if project else []


def _of_a_draft(call: Call) -> str:
    if call.state == Call.State.OPEN:
        return gettext("A draft. Complete and submit it before the call closes.")
    return gettext("Never submitted: the call takes no more applications.")


def _of_an_award(application: Application) -> str:
    if offers(application):
        return gettext("Awarded. Sign the agreement to receive your servers.")
    if any(a.state == Allocation.State.ACTIVE for a in allocations(application)):
        return gettext("Your servers are allocated. Run your work and report results.")
    return gettext("Awarded. The allocation has ended or was declined.")
