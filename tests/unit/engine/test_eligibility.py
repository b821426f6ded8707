"""Screening: each kind of rule, what a missing or mistyped answer does, what the refused read."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from pydantic import JsonValue, TypeAdapter, ValidationError

from dure.engine.eligibility import (
    Applicant,
    Candidate,
    Dates,
    Partner,
    ScreeningSnapshot,
    failures,
    plan,
    verdicts,
)
from dure.vocabulary.plans import Header, Reason
from dure.vocabulary.programme.eligibility import EligibilityRule
from dure.vocabulary.reasons import CATALOGUE

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC))
SAY = {"ko": "요건을 갖추지 못했습니다.", "en": "The requirement is not met."}
ADAPTER: TypeAdapter[EligibilityRule] = TypeAdapter(EligibilityRule)


def rule(**fields: object) -> EligibilityRule:
    return ADAPTER.validate_python({"id": "r1", "say": SAY, **fields})


def candidate(
    answers: dict[str, JsonValue],
    *,
    application: str = "A-1",
    leases: bool = False,
    awards: int = 0,
) -> Candidate:
    applicant = Applicant(organisation="두레", leases_to_programme=leases, running_awards=awards)
    return Candidate(application=application, answers=answers, applicant=applicant)


AT_MOST = rule(kind="at_most", field="servers", limit=32)
ON_B200 = rule(kind="at_most", field="servers", limit=16, when={"model": "b200", "large": True})
AT_LEAST = rule(kind="at_least", field="months", limit=1)
ONE_OF = rule(kind="one_of", field="sector", values=("academia", 1))
AFFIRMED = rule(kind="affirmed", field="consent")
ANSWERED = rule(kind="answered", field="plan", when={"publishes": True})


@pytest.mark.parametrize(
    ("tested", "answers", "passes"),
    [
        (AT_MOST, {"servers": 32}, True),
        (AT_MOST, {"servers": 33}, False),
        (AT_MOST, {}, False),
        (AT_MOST, {"servers": None}, False),
        (AT_MOST, {"servers": "4"}, False),
        (AT_MOST, {"servers": True}, False),
        (AT_MOST, {"servers": [4]}, False),
        (AT_LEAST, {"months": 1}, True),
        (AT_LEAST, {"months": 0}, False),
        (AT_LEAST, {"months": "12"}, False),
        (ONE_OF, {"sector": "academia"}, True),
        (ONE_OF, {"sector": "industry"}, False),
        (ONE_OF, {"sector": True}, False),
        (ONE_OF, {"sector": {"academia": 1}}, False),
        (AFFIRMED, {"consent": True}, True),
        (AFFIRMED, {"consent": 1}, False),
        (AFFIRMED, {"consent": "true"}, False),
        (AFFIRMED, {}, False),
        (ON_B200, {"model": "b200", "large": True, "servers": 17}, False),
        (ON_B200, {"model": "b200", "large": True, "servers": 16}, True),
        (ON_B200, {"model": "b200", "large": True}, False),
        (ON_B200, {"model": "b200", "large": False, "servers": 17}, True),
        (ON_B200, {"model": "h200", "large": True, "servers": 17}, True),
        (ON_B200, {"model": "b200", "large": "true", "servers": 4}, False),
        (ANSWERED, {"publishes": True, "plan": "weights on a public hub"}, True),
        (ANSWERED, {"publishes": True, "plan": "  "}, False),
        (ANSWERED, {"publishes": True, "plan": []}, False),
        (ANSWERED, {"publishes": True, "plan": 0}, True),
        (ANSWERED, {}, True),
    ],
)
def test_a_rule_passes_only_a_plain_answer_within_it(
    tested: EligibilityRule,
    answers: dict[str, JsonValue],
    passes: bool,  # noqa: FBT001  # a case's column
) -> None:
    assert (failures(candidate(answers), (tested,)) == ()) is passes


def test_a_lessor_is_refused_whatever_the_form_says() -> None:
    tested = rule(kind="not_lessor")
    assert failures(candidate({}, leases=False), (tested,)) == ()
    (failure,) = failures(candidate({"leases_to_programme": False}, leases=True), (tested,))
    assert failure.field is None
    assert failure.say.ko == SAY["ko"]


def test_an_organisation_at_its_limit_of_running_awards_is_refused() -> None:
    tested = rule(kind="no_running_award", limit=2)
    assert failures(candidate({}, awards=1), (tested,)) == ()
    assert [f.rule for f in failures(candidate({}, awards=2), (tested,))] == ["r1"]


def test_the_plan_names_every_failed_rule_of_each_application() -> None:
    rules = (
        rule(id="size", kind="at_most", field="servers", limit=4),
        rule(id="consent", kind="affirmed", field="consent"),
    )
    snapshot = ScreeningSnapshot(
        call="2026-1",
        candidates=(
            candidate({"servers": 5}, application="A-2"),
            candidate({"servers": 4, "consent": True}, application="A-1"),
        ),
    )
    admitted, refused = plan(snapshot, rules, HEADER).intents
    assert (admitted.application, admitted.admitted) == ("A-1", True)
    assert admitted.reason.code == "screening.admitted"
    assert (refused.application, refused.admitted) == ("A-2", False)
    assert [(f.rule, f.field) for f in refused.failures] == [
        ("size", "servers"),
        ("consent", "consent"),
    ]
    sentence = CATALOGUE[refused.reason.code].format(**refused.reason.params)
    assert "size, consent" in sentence


def test_an_application_cannot_be_screened_twice_in_one_plan() -> None:
    with pytest.raises(ValidationError, match="application named more than once: A-1"):
        ScreeningSnapshot(call="c", candidates=(candidate({}), candidate({})))


DATES = Dates(today=date(2026, 2, 1), supply=date(2026, 3, 3), term_end=date(2026, 9, 3))
SUM = rule(kind="sums_to", fields=("q1", "q2"), total=100)
GOOD_NOW = rule(kind="valid_until", field="expires", until="today")
OUTLASTS = rule(kind="valid_until", field="expires", until="term_end", days_beyond=90)
HELD = rule(kind="holds_certificate", certificate="csap", until="supply")


@pytest.mark.parametrize(
    ("tested", "answers", "state"),
    [
        (SUM, {"q1": 40, "q2": 60}, "met"),
        (SUM, {"q1": 40, "q2": 50}, "not_met"),
        (SUM, {"q1": 100, "q2": False}, "not_met"),
        (SUM, {"q1": 40, "q2": "60"}, "not_met"),
        (SUM, {"q1": 100}, "open"),
        (GOOD_NOW, {"expires": "2026-02-01"}, "met"),
        (GOOD_NOW, {"expires": "2026-01-31"}, "not_met"),
        (GOOD_NOW, {"expires": "soon"}, "not_met"),
        (GOOD_NOW, {"expires": 20260401}, "not_met"),
        (GOOD_NOW, {}, "open"),
        (OUTLASTS, {"expires": "2026-12-01"}, "met"),  # 90 days after 2 September, the last day
        (OUTLASTS, {"expires": "2026-11-30"}, "not_met"),
    ],
)
def test_sums_and_dates_are_judged_and_what_is_missing_is_left_open(
    tested: EligibilityRule, answers: dict[str, JsonValue], state: str
) -> None:
    asked = candidate(answers).model_copy(update={"dates": DATES})
    (found,) = verdicts(asked, (tested,))
    assert found.state == state
    assert len(failures(asked, (tested,))) == (state != "met")


def test_the_first_unanswered_of_several_fields_is_the_one_to_change() -> None:
    (found,) = verdicts(candidate({"q1": 100}), (SUM,))
    assert found.field == "q2"
    (wrong,) = verdicts(candidate({"q1": 30, "q2": 30}), (SUM,))
    assert (wrong.field, wrong.detail) == ("q1", reason("screening.sum", sum=60, total=100))


def reason(code: str, **params: str | int) -> Reason:
    assert code in CATALOGUE
    return Reason(code=code, params=dict(params))


def test_a_term_that_is_not_known_yet_leaves_the_rule_open() -> None:
    dates = DATES.model_copy(update={"term_end": None})
    asked = candidate({"expires": "2030-01-01"}).model_copy(update={"dates": dates})
    assert [v.state for v in verdicts(asked, (OUTLASTS,))] == ["open"]


@pytest.mark.parametrize(
    ("records", "tested", "code"),
    [
        ({}, HELD, "screening.no_certificate"),
        ({"certificates": {"csap": date(2026, 3, 2)}}, HELD, "screening.certificate_ends"),
        ({"certificates": {"csap": date(2026, 3, 3)}}, HELD, None),
        ({"sanctioned": True}, rule(kind="not_sanctioned"), "screening.sanctioned"),
        (
            {"sanctioned": True, "sanctioned_until": date(2026, 5, 1)},
            rule(kind="not_sanctioned"),
            "screening.sanctioned_until",
        ),
        ({}, rule(kind="not_sanctioned"), None),
        (
            {"report_overdue_days": 31},
            rule(kind="no_late_report", days=30),
            "screening.report_overdue",
        ),
        ({"report_overdue_days": 30}, rule(kind="no_late_report", days=30), None),
        (
            {"earlier_of_organisation": 2},
            rule(kind="at_most_applications", limit=2),
            "screening.applied_before",
        ),
        ({"earlier_of_organisation": 1}, rule(kind="at_most_applications", limit=2), None),
        (
            {"earlier_of_person": 1},
            rule(kind="at_most_applications", by="person"),
            "screening.applied_before",
        ),
        ({"earlier_of_organisation": 1}, rule(kind="at_most_applications", by="person"), None),
    ],
)
def test_what_the_records_say_is_judged_whatever_was_typed(
    records: dict[str, object], tested: EligibilityRule, code: str | None
) -> None:
    applicant = Applicant.model_validate({"organisation": "두레", **records})
    asked = Candidate(application="A-1", answers={}, applicant=applicant, dates=DATES)
    found = [f.detail.code for f in failures(asked, (tested,)) if f.detail]
    assert found == ([code] if code else [])
    assert len(failures(asked, (tested,))) == len(found)


HOSPITAL = Partner(name="하늘병원", number="124-81-00998", sector="hospital", region="south")
LESSOR = Partner(name="임대사", leases_to_programme=True)
LATE = Partner(name="Late Labs", sanctioned=True)


@pytest.mark.parametrize(
    ("fields", "named", "code"),
    [
        ({"at_least": 1}, ["하늘병원"], None),
        ({"at_least": 2}, ["하늘병원", "하늘병원 (주)"], "screening.few_partners"),
        ({"at_least": 1}, ["(주)두레"], "screening.few_partners"),  # the applicant itself
        ({"at_most": 1}, ["가람", "나래"], "screening.many_partners"),
        ({"at_most": 2}, ["가람", "나래"], None),
        ({"sectors": ["hospital"]}, ["하늘병원"], None),
        ({"sectors": ["hospital"]}, ["가람"], "screening.no_partner_of_sector"),
        ({"regions": ["north"]}, ["하늘병원"], "screening.no_partner_of_region"),
        ({}, ["임대사"], "screening.partner_leases"),
        ({}, ["Late Labs"], "screening.partner_sanctioned"),
        ({"exclude": ["lessor"]}, ["Late Labs"], None),
    ],
)
def test_a_consortium_has_the_partners_it_needs_and_none_that_is_excluded(
    fields: dict[str, object], named: list[str], code: str | None
) -> None:
    tested = rule(kind="consortium", field="partners", **fields)
    known = {partner.name: partner for partner in (HOSPITAL, LESSOR, LATE)}
    entries: JsonValue = [
        {"name": name, "number": known[name].number if name in known else ""} for name in named
    ]
    asked = candidate({"partners": entries}).model_copy(
        update={"partners": (HOSPITAL, LESSOR, LATE)}
    )
    found = failures(asked, (tested,))
    assert [f.detail.code for f in found if f.detail] == ([code] if code else [])
    assert all(f.field == "partners" for f in found)


@pytest.mark.parametrize(
    "answer", ["가람", ["가람"], [{"name": ""}], [{"name": 7}], {"name": "가람"}]
)
def test_mistyped_partners_never_meet_a_rule(answer: JsonValue) -> None:
    tested = rule(kind="consortium", field="partners", at_least=1)
    assert [v.state for v in verdicts(candidate({"partners": answer}), (tested,))] == ["not_met"]


def test_a_consortium_that_is_not_asked_for_needs_no_answer() -> None:
    assert failures(candidate({}), (rule(kind="consortium", field="partners", at_most=3),)) == ()
    asked = rule(kind="consortium", field="partners", at_least=1)
    assert [v.state for v in verdicts(candidate({}), (asked,))] == ["open"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "sums_to", "fields": ("a", "a"), "total": 100}, "named twice"),
        ({"kind": "consortium", "field": "p", "at_least": 3, "at_most": 2}, "below at_least"),
        ({"kind": "consortium", "field": "p", "at_most": 0, "sectors": ("s",)}, "without partners"),
    ],
)
def test_a_rule_that_could_never_be_met_is_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        rule(**fields)
