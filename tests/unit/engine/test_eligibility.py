"""Screening: each kind of rule, what a missing or mistyped answer does, what the refused read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import JsonValue, TypeAdapter, ValidationError

from dure.engine.eligibility import Applicant, Candidate, ScreeningSnapshot, failures, plan
from dure.vocabulary.plans import Header
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
