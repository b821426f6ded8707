"""The operator's next step with a call: one table, stage by stage.

- A step is asked for by its name, so a page left open never takes a later one.
- What a step does, and its check of the stage, is the operation's; this only names it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dure.hub.calls import operations as calls
from dure.hub.calls.models import Call
from dure.hub.reviews import operations as reviews


@dataclass(frozen=True, slots=True)
class Step:
    """What takes a call to its next stage, as it is named and explained before it is done."""

    name: str
    label: Promise
    explanation: Promise
    done: Promise
    act: Callable[..., object]


STEPS: Final[dict[str, Step]] = {
    Call.State.ANNOUNCED: Step(
        "open",
        _("Open the call"),
        _("Applications are taken from the call's opening time until it is closed."),
        _("The call is open."),
        calls.open_call,
    ),
    Call.State.OPEN: Step(
        "close",
        _("Close the call"),
        _("Nothing more can be submitted. Drafts stay drafts. A closed call is not opened again."),
        _("The call is closed."),
        calls.close_call,
    ),
    Call.State.CLOSED: Step(
        "screen",
        _("Screen the applications"),
        _("Each submitted application is admitted or refused by the programme's rules."),
        _("The applications are screened."),
        calls.screen_call,
    ),
    Call.State.SCREENED: Step(
        "assign",
        _("Assign the reviewers"),
        _("Each admitted application gets its reviewers, none with a conflict of interest."),
        _("The reviewers are assigned."),
        reviews.assign_reviewers,
    ),
    Call.State.REVIEWING: Step(
        "rank",
        _("Rank the applications"),
        _("The review ends, and the reviewed applications are ranked by their scores."),
        _("The applications are ranked."),
        reviews.rank_call,
    ),
}
"""Stage -> the step out of it. From RANKED on, the round's page leads."""


def next_step(call: Call) -> Step | None:
    """The step that is due, where it is one of these."""
    return STEPS.get(call.state)
