"""The operator's next step with a call: one table, stage by stage.

- A step is asked for by its name, so a page left open never takes a later one.
- What a step does, and its check of the stage, is the operation's; this only names it.
- A review of several stages ends with its last one: before that, the step is to close the stage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dure.hub.calls import operations as calls
from dure.hub.calls.models import Call
from dure.hub.reviews import operations as reviews
from dure.hub.reviews import stages
from dure.hub.supply.queries import rules


@dataclass(frozen=True, slots=True)
class Step:
    """What takes a call to its next stage, as it is named and explained before it is done."""

    name: str
    label: Promise
    explanation: Promise
    done: Promise
    act: Callable[..., object]
    page: str = ""
    """The address of a page of its own; the common one, where it has none."""

    def address(self, call: Call) -> str:
        """Where the step is explained and taken."""
        if self.page:
            return reverse(self.page, args=[call.key])
        return reverse("call-step", args=[call.key, self.name])


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

CLOSE_STAGE: Final = Step(
    "close-stage",
    _("Close the stage"),
    _(
        "Each application is judged by the stage's rule. Who does not pass is rejected with the "
        "reason; the others go on to the next stage and get its reviewers."
    ),
    _("The stage is closed, and the next one has begun."),
    reviews.close_stage,
    page="stage-close",
)


def next_step(call: Call) -> Step | None:
    """The step that is due, where it is one of these."""
    if call.state == Call.State.REVIEWING and stages.remaining(call, rules(call.programme)):
        return CLOSE_STAGE
    return STEPS.get(call.state)
