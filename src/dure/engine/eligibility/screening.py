"""The decision: each application is admitted or refused with all that stands in its way."""

from __future__ import annotations

from dure.engine.eligibility.facts import (
    Candidate,
    Failure,
    Screened,
    ScreeningPlan,
    ScreeningSnapshot,
    Verdict,
)
from dure.engine.eligibility.judging import verdict
from dure.vocabulary.plans import Header, Reason
from dure.vocabulary.programme.eligibility import EligibilityRule

Rules = tuple[EligibilityRule, ...]


def plan(snapshot: ScreeningSnapshot, rules: Rules, header: Header) -> ScreeningPlan:
    """Admits each application that meets every rule, and refuses the rest with all failures."""
    candidates = sorted(snapshot.candidates, key=lambda candidate: candidate.application)
    return ScreeningPlan(
        header=header, intents=tuple(_screened(candidate, rules) for candidate in candidates)
    )


def verdicts(candidate: Candidate, rules: Rules) -> tuple[Verdict, ...]:
    """How every rule stands, in the order of the programme file."""
    return tuple(verdict(rule, candidate) for rule in rules)


def failures(candidate: Candidate, rules: Rules) -> tuple[Failure, ...]:
    """The rules the application does not meet, in the order of the programme file."""
    return tuple(
        Failure(rule=found.rule, field=found.field, say=found.say, detail=found.detail)
        for found in verdicts(candidate, rules)
        if found.state != "met"
    )


def _screened(candidate: Candidate, rules: Rules) -> Screened:
    found = failures(candidate, rules)
    reason = (
        Reason(code="screening.refused", params={"rules": ", ".join(f.rule for f in found)})
        if found
        else Reason(code="screening.admitted")
    )
    return Screened(
        application=candidate.application, admitted=not found, failures=found, reason=reason
    )
