"""What screening is decided from."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, JsonValue, model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.plans import Intent, Plan, Reason


class Applicant(Frozen):
    """What the programme's own records say of the organisation.

    `certificates`: the last day of each; `sanctioned`: under a sanction today, `sanctioned_until`
    its last day where it has one; `earlier_*`: applications to the call submitted before this one.
    """

    organisation: str
    number: str = ""
    leases_to_programme: bool = False
    running_awards: int = Field(default=0, ge=0)
    certificates: dict[str, date] = {}
    sanctioned: bool = False
    sanctioned_until: date | None = None
    report_overdue_days: int = Field(default=0, ge=0)
    earlier_of_organisation: int = Field(default=0, ge=0)
    earlier_of_person: int = Field(default=0, ge=0)


class Partner(Frozen):
    """A partner as named in the answers, and what the records say where they know it."""

    name: str
    number: str = ""
    sector: str | None = None
    region: str | None = None
    leases_to_programme: bool = False
    sanctioned: bool = False


class Dates(Frozen):
    """`term_end`: the first day after the requested term; None where months were not answered."""

    today: date
    supply: date
    term_end: date | None = None


class Candidate(Frozen):
    """One application."""

    application: str
    answers: dict[str, JsonValue]
    applicant: Applicant
    partners: tuple[Partner, ...] = ()
    dates: Dates | None = None


class ScreeningSnapshot(Frozen):
    call: str
    candidates: tuple[Candidate, ...]

    @model_validator(mode="after")
    def _once_each(self) -> ScreeningSnapshot:
        require_distinct("application", (c.application for c in self.candidates))
        return self


class Failure(Frozen):
    """A rule that was not met, in the rule's own words; `detail` says by what."""

    rule: str
    field: str | None
    say: Text
    detail: Reason | None = None


State = Literal["met", "not_met", "open"]


class Verdict(Failure):
    """How a rule stands. `open`: it cannot be judged before its question is answered."""

    state: State


class Screened(Intent):
    application: str
    admitted: bool
    failures: tuple[Failure, ...]


class ScreeningPlan(Plan):
    """One intent per application, in the order of their ids."""

    kind: Literal["screening"] = "screening"
    intents: tuple[Screened, ...]
