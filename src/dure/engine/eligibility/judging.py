"""How one rule stands with one application.

- A missing or mistyped answer never meets the rule that needs it, and never crashes. A missing one
  leaves the rule open: it may still be met.
- `when` narrows a rule to certain answers, all of them. A condition that was not answered does not
  hold. One answered with another type cannot be judged, so the rule is not met.
- Answers equal a rule's value only with its type: `true` is not 1, and `"4"` is not 4.
- Rules on the applicant look at the programme's records, never at what was typed into the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, assert_never

from pydantic import JsonValue

from dure.engine.eligibility.facts import Applicant, Candidate, Dates, Partner, State, Verdict
from dure.engine.organisation_names import name_keys
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme.eligibility import (
    Affirmed,
    Answered,
    AtLeast,
    AtMost,
    AtMostApplications,
    Consortium,
    EligibilityRule,
    HoldsCertificate,
    Instant,
    NoLateReport,
    NoRunningAward,
    NotLessor,
    NotSanctioned,
    OneOf,
    Scalar,
    SumsTo,
    ValidUntil,
    fields_of,
)
from dure.vocabulary.registration_numbers import comparable

Answers = Mapping[str, JsonValue]
Finding = tuple[State, Reason | None]

MET: Final[Finding] = ("met", None)
NOT_MET: Final[Finding] = ("not_met", None)
OPEN: Final[Finding] = ("open", None)


def verdict(rule: EligibilityRule, candidate: Candidate) -> Verdict:
    """How the rule stands with the application."""
    state, detail = _narrowed(rule, candidate)
    fields = fields_of(rule)
    field = next((f for f in fields if is_empty(candidate.answers.get(f))), None)
    return Verdict(
        rule=rule.id,
        field=field or (fields[0] if fields else None),
        say=rule.say,
        detail=detail,
        state=state,
    )


def _narrowed(rule: EligibilityRule, candidate: Candidate) -> Finding:
    answers = candidate.answers
    if _plainly_outside(rule.when, answers):
        return MET
    if not all(_same(answers.get(field), value) for field, value in rule.when.items()):
        return NOT_MET
    return _judged(rule, candidate)


def _judged(rule: EligibilityRule, candidate: Candidate) -> Finding:  # noqa: PLR0911  # one a kind
    answers, applicant = candidate.answers, candidate.applicant
    match rule:
        case OneOf() | AtMost() | AtLeast() | Affirmed() | Answered():
            return _of_answer(rule, answers.get(rule.field))
        case SumsTo():
            return _sum([answers.get(field) for field in rule.fields], rule.total)
        case ValidUntil():
            return _valid_until(rule, answers.get(rule.field), candidate.dates)
        case HoldsCertificate():
            return _certificate(rule, applicant, candidate.dates)
        case Consortium():
            return _consortium(rule, candidate)
        case NotLessor():
            return NOT_MET if applicant.leases_to_programme else MET
        case NoRunningAward():
            return _fewer(applicant.running_awards, rule.limit, "screening.running_awards")
        case NotSanctioned():
            return _sanction(applicant)
        case NoLateReport():
            return _late_report(rule, applicant)
        case AtMostApplications():
            earlier = {
                "organisation": applicant.earlier_of_organisation,
                "person": applicant.earlier_of_person,
            }[rule.by]
            return _fewer(earlier, rule.limit, "screening.applied_before")
        case _:
            assert_never(rule)


def _of_answer(rule: OneOf | AtMost | AtLeast | Affirmed | Answered, answer: JsonValue) -> Finding:
    if is_empty(answer):
        return OPEN
    number = _whole_number(answer)
    match rule:
        case OneOf():
            met = any(_same(answer, value) for value in rule.values)
        case AtMost():
            met = number is not None and number <= rule.limit
        case AtLeast():
            met = number is not None and number >= rule.limit
        case Affirmed():
            met = answer is True
        case Answered():
            met = True
        case _:
            assert_never(rule)
    return MET if met else NOT_MET


def _sum(answers: list[JsonValue], total: int) -> Finding:
    if any(map(is_empty, answers)):
        return OPEN
    numbers = [number for answer in answers if (number := _whole_number(answer)) is not None]
    if len(numbers) < len(answers):
        return NOT_MET
    if sum(numbers) == total:
        return MET
    return _because("screening.sum", sum=sum(numbers), total=total)


def _valid_until(rule: ValidUntil, answer: JsonValue, dates: Dates | None) -> Finding:
    needed = _needed(rule.until, rule.days_beyond, dates)
    if is_empty(answer) or needed is None:
        return OPEN
    given = _day(answer)
    if given is None:
        return NOT_MET
    if given >= needed:
        return MET
    return _because("screening.too_early", given=str(given), needed=str(needed))


def _certificate(rule: HoldsCertificate, applicant: Applicant, dates: Dates | None) -> Finding:
    needed = _needed(rule.until, rule.days_beyond, dates)
    held = applicant.certificates.get(rule.certificate)
    if held is None:
        return _because("screening.no_certificate")
    if needed is None:
        return OPEN
    if held >= needed:
        return MET
    return _because("screening.certificate_ends", given=str(held), needed=str(needed))


def _needed(until: Instant, days_beyond: int, dates: Dates | None) -> date | None:
    """The last day must not be before this one; None while it is not known."""
    if dates is None:
        return None
    match until:
        case "today":
            last: date | None = dates.today
        case "supply":
            last = dates.supply
        case "term_end":
            last = dates.term_end - timedelta(days=1) if dates.term_end else None
        case _:
            assert_never(until)
    return last + timedelta(days=days_beyond) if last else None


def _sanction(applicant: Applicant) -> Finding:
    if not applicant.sanctioned:
        return MET
    if applicant.sanctioned_until is None:
        return _because("screening.sanctioned")
    return _because("screening.sanctioned_until", until=str(applicant.sanctioned_until))


def _late_report(rule: NoLateReport, applicant: Applicant) -> Finding:
    days = applicant.report_overdue_days
    return MET if days <= rule.days else _because("screening.report_overdue", days=days)


def _fewer(count: int, limit: int, code: str) -> Finding:
    return MET if count < limit else _because(code, count=count, limit=limit)


def _consortium(rule: Consortium, candidate: Candidate) -> Finding:
    answer = candidate.answers.get(rule.field)
    if is_empty(answer):
        return OPEN if rule.at_least or rule.sectors or rule.regions else MET
    named = _named(answer)
    if named is None:
        return NOT_MET
    partners = _distinct(named, candidate)
    if len(partners) < rule.at_least:
        return _because("screening.few_partners", count=len(partners), limit=rule.at_least)
    if rule.at_most is not None and len(partners) > rule.at_most:
        return _because("screening.many_partners", count=len(partners), limit=rule.at_most)
    return _excluded(rule, partners) or _of_a_kind(rule, partners)


def _excluded(rule: Consortium, partners: list[Partner]) -> Finding | None:
    for partner in partners:
        if "lessor" in rule.exclude and partner.leases_to_programme:
            return _because("screening.partner_leases", partner=partner.name)
        if "sanctioned" in rule.exclude and partner.sanctioned:
            return _because("screening.partner_sanctioned", partner=partner.name)
    return None


def _of_a_kind(rule: Consortium, partners: list[Partner]) -> Finding:
    if rule.sectors and not any(partner.sector in rule.sectors for partner in partners):
        return _because("screening.no_partner_of_sector")
    if rule.regions and not any(partner.region in rule.regions for partner in partners):
        return _because("screening.no_partner_of_region")
    return MET


def _named(answer: JsonValue) -> list[tuple[str, str]] | None:
    """Names and numbers of a typed answer; None for an answer of another type."""
    if not isinstance(answer, list):
        return None
    named: list[tuple[str, str]] = []
    for entry in answer:
        name = entry.get("name") if isinstance(entry, dict) else None
        number = entry.get("number", "") if isinstance(entry, dict) else ""
        if not isinstance(name, str) or not name.strip() or not isinstance(number, str):
            return None
        named.append((name.strip(), number))
    return named


def _distinct(named: list[tuple[str, str]], candidate: Candidate) -> list[Partner]:
    """Each partner once, the applicant left out; two spellings of a name are one."""
    known = {(partner.name, partner.number): partner for partner in candidate.partners}
    applicant = candidate.applicant
    seen_names, seen_numbers = name_keys(applicant.organisation), {comparable(applicant.number)}
    partners: list[Partner] = []
    for name, written in named:
        keys, number = name_keys(name), comparable(written)
        if not keys.isdisjoint(seen_names) or (number and number in seen_numbers):
            continue
        partners.append(known.get((name, written)) or Partner(name=name, number=written))
        seen_names, seen_numbers = seen_names | keys, seen_numbers | {number}
    return partners


def _because(code: str, **params: str | int) -> Finding:
    return "not_met", Reason(code=code, params=dict(params))


def _plainly_outside(when: Mapping[str, Scalar], answers: Answers) -> bool:
    return any(
        is_empty(answer := answers.get(field)) or (type(answer) is type(value) and answer != value)
        for field, value in when.items()
    )


def _same(answer: JsonValue, value: Scalar) -> bool:
    return type(answer) is type(value) and answer == value


def _whole_number(answer: JsonValue) -> int | None:
    return answer if isinstance(answer, int) and not isinstance(answer, bool) else None


def _day(answer: JsonValue) -> date | None:
    try:
        return date.fromisoformat(answer) if isinstance(answer, str) else None
    except ValueError:
        return None


def is_empty(answer: JsonValue) -> bool:
    """Unanswered. False and 0 are answers."""
    if isinstance(answer, str):
        return not answer.strip()
    return answer is None or answer in ([], {})
