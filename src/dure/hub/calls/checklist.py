"""The eligibility rules as the applicant works through them: met, not met, or still open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dure.engine import eligibility
from dure.engine.eligibility import Failure
from dure.hub.calls import candidacy
from dure.hub.calls.models import Application
from dure.hub.portal.reasons import sentence
from dure.hub.portal.templatetags.dure import words
from dure.hub.supply.queries import rules
from dure.vocabulary.frozen import Text
from dure.vocabulary.programme import Programme


@dataclass(frozen=True, slots=True)
class Item:
    """One rule; `label` names the question to change, where there is one."""

    state: str
    field: str | None
    label: str
    say: Text
    detail: str


def checklist(application: Application, now: datetime) -> list[Item]:
    """Every rule of the programme, what is not met in front, then what is open."""
    document = rules(application.call.programme)
    found = eligibility.verdicts(candidacy.candidate(application, now), document.eligibility)
    order = ("not_met", "open", "met")
    return [
        _item(one, one.state, document) for state in order for one in found if one.state == state
    ]


def shown(failures: list[Failure], document: Programme) -> list[Item]:
    """What stands in the way of a submission."""
    return [_item(failure, "not_met", document) for failure in failures]


def _item(failure: Failure, state: str, document: Programme) -> Item:
    labels = {field.id: words(field.label) for field in document.form}
    return Item(
        state=state,
        field=failure.field,
        label=labels.get(failure.field or "", ""),
        say=failure.say,
        detail=sentence(failure.detail) if failure.detail else "",
    )
