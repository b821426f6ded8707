"""Screening: may this application enter the call?

- Every rule is judged, so a refused applicant reads all that stands in the way at once.
- A missing or mistyped answer fails the rule that needs it; it never passes and never crashes.
- `when` narrows a rule to certain answers, all of them. A condition that was not answered does not
  hold. One answered with another type cannot be judged, so the rule fails.
- Answers equal a rule's value only with its type: `true` is not 1, and `"4"` is not 4.
- Rules on the applicant look at the organisation's record, never at what was typed into the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, assert_never

from pydantic import Field, JsonValue, model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.plans import Header, Intent, Plan, Reason
from dure.vocabulary.programme.eligibility import (
    Affirmed,
    Answered,
    AtLeast,
    AtMost,
    EligibilityRule,
    NoRunningAward,
    NotLessor,
    OneOf,
    Scalar,
)


class Applicant(Frozen):
    """What the programme's own records say of the organisation."""

    organisation: str
    leases_to_programme: bool = False
    running_awards: int = Field(default=0, ge=0)


class Candidate(Frozen):
    """One submitted application."""

    application: str
    answers: dict[str, JsonValue]
    applicant: Applicant


class ScreeningSnapshot(Frozen):
    call: str
    candidates: tuple[Candidate, ...]

    @model_validator(mode="after")
    def _once_each(self) -> ScreeningSnapshot:
        require_distinct("application", (c.application for c in self.candidates))
        return self


class Failure(Frozen):
    """A rule that was not met, in the rule's own words."""

    rule: str
    field: str | None
    say: Text


class Screened(Intent):
    application: str
    admitted: bool
    failures: tuple[Failure, ...]


class ScreeningPlan(Plan):
    """One intent per application, in the order of their ids."""

    kind: Literal["screening"] = "screening"
    intents: tuple[Screened, ...]


Answers = Mapping[str, JsonValue]


def plan(
    snapshot: ScreeningSnapshot, rules: tuple[EligibilityRule, ...], header: Header
) -> ScreeningPlan:
    """Admits each application that meets every rule, and refuses the rest with all failures."""
    candidates = sorted(snapshot.candidates, key=lambda candidate: candidate.application)
    return ScreeningPlan(
        header=header, intents=tuple(_screened(candidate, rules) for candidate in candidates)
    )


def failures(candidate: Candidate, rules: tuple[EligibilityRule, ...]) -> tuple[Failure, ...]:
    """The rules the application does not meet, in the order of the programme file."""
    return tuple(
        Failure(rule=rule.id, field=_field(rule), say=rule.say)
        for rule in rules
        if not _passes(rule, candidate)
    )


def _screened(candidate: Candidate, rules: tuple[EligibilityRule, ...]) -> Screened:
    found = failures(candidate, rules)
    reason = (
        Reason(code="screening.refused", params={"rules": ", ".join(f.rule for f in found)})
        if found
        else Reason(code="screening.admitted")
    )
    return Screened(
        application=candidate.application, admitted=not found, failures=found, reason=reason
    )


def _field(rule: EligibilityRule) -> str | None:
    return None if isinstance(rule, NotLessor | NoRunningAward) else rule.field


def _passes(rule: EligibilityRule, candidate: Candidate) -> bool:
    if isinstance(rule, AtMost | AtLeast | Answered):
        if _plainly_outside(rule.when, candidate.answers):
            return True
        if not all(_same(candidate.answers.get(f), v) for f, v in rule.when.items()):
            return False
    return _meets(rule, candidate)


def _meets(rule: EligibilityRule, candidate: Candidate) -> bool:
    answers = candidate.answers
    match rule:
        case OneOf():
            return any(_same(answers.get(rule.field), value) for value in rule.values)
        case AtMost():
            number = _whole_number(answers, rule.field)
            return number is not None and number <= rule.limit
        case AtLeast():
            number = _whole_number(answers, rule.field)
            return number is not None and number >= rule.limit
        case Affirmed():
            return answers.get(rule.field) is True
        case Answered():
            return not _empty(answers.get(rule.field))
        case NotLessor():
            return not candidate.applicant.leases_to_programme
        case NoRunningAward():
            return candidate.applicant.running_awards < rule.limit
        case _:
            assert_never(rule)


def _plainly_outside(when: Mapping[str, Scalar], answers: Answers) -> bool:
    return any(
        _empty(answer := answers.get(field)) or (type(answer) is type(value) and answer != value)
        for field, value in when.items()
    )


def _same(answer: JsonValue, value: Scalar) -> bool:
    return type(answer) is type(value) and answer == value


def _whole_number(answers: Answers, field: str) -> int | None:
    answer = answers.get(field)
    return answer if isinstance(answer, int) and not isinstance(answer, bool) else None


def _empty(answer: JsonValue) -> bool:
    """Unanswered. False and 0 are answers."""
    if isinstance(answer, str):
        return not answer.strip()
    return answer is None or answer in ([], {})
