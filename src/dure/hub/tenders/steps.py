"""The operator's next step of a supply call: one table, by the call's stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dure.hub.people.gate import Actor
from dure.hub.tenders import judging, operations
from dure.hub.tenders.models import SupplyCall
from dure.hub.tenders.operations import rules_of

State = SupplyCall.State


class Operation(Protocol):
    """An operation on the whole call."""

    def __call__(self, *, call: SupplyCall, by: Actor, now: datetime) -> object: ...


@dataclass(frozen=True, slots=True)
class Step:
    """What is done next; `name` stands in the address, so a late click does not do another."""

    name: str
    label: Promise
    run: Operation


STEPS: Final[dict[str, Step]] = {
    State.ANNOUNCED: Step("open", _("Open the call"), operations.open_supply_call),
    State.OPEN: Step("close", _("Close the call"), operations.close_supply_call),
    State.CLOSED: Step("check", _("Check the documents"), judging.check_documents),
    State.CHECKED: Step("assign", _("Assign reviewers"), judging.assign_bid_reviewers),
    State.WRITTEN: Step("present", _("Begin the presentations"), judging.start_presentations),
    State.PRESENTATION: Step("score", _("End the reviews"), judging.score_bids),
}
_NO_PRESENTATION: Final = Step("score", _("End the reviews"), judging.score_bids)


def step_of(call: SupplyCall) -> Step | None:
    """The call's next step; None where winners are chosen, which is on the page itself."""
    if call.state == State.WRITTEN:
        criteria = rules_of(call).rubric.criteria()
        if not any(criterion.stage == "presentation" for criterion in criteria):
            return _NO_PRESENTATION
    return STEPS.get(call.state)
