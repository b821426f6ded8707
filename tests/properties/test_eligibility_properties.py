"""Screening never crashes, never lets an unanswered rule pass, and knows no order of arrival."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from dure.engine.eligibility import (
    Applicant,
    Candidate,
    Dates,
    ScreeningSnapshot,
    failures,
    plan,
    verdicts,
)
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.eligibility import (
    Affirmed,
    Answered,
    AtLeast,
    AtMost,
    Consortium,
    EligibilityRule,
    OneOf,
    SumsTo,
    ValidUntil,
    fields_of,
)

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC))
SAY = Text(ko="요건", en="requirement")
RULES: tuple[EligibilityRule, ...] = (
    OneOf(id="sector", say=SAY, kind="one_of", field="sector", values=("academia", 7)),
    AtMost(id="most", say=SAY, kind="at_most", field="servers", limit=32),
    AtLeast(id="least", say=SAY, kind="at_least", field="servers", limit=1),
    Affirmed(id="consent", say=SAY, kind="affirmed", field="consent"),
    Answered(id="plan", say=SAY, kind="answered", field="plan"),
    SumsTo(id="sum", say=SAY, kind="sums_to", fields=("servers", "spare"), total=8),
    ValidUntil(id="until", say=SAY, kind="valid_until", field="expires", until="term_end"),
    Consortium(id="partners", say=SAY, kind="consortium", field="partners", at_least=1),
    AtMost(id="narrow", say=SAY, kind="at_most", field="servers", limit=4, when={"sector": "sme"}),
)
FIELDS = ("sector", "servers", "consent", "plan", "spare", "expires", "partners")
DATES = Dates(today=date(2026, 2, 1), supply=date(2026, 3, 1), term_end=date(2026, 9, 1))

json_values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)
answers = st.dictionaries(st.sampled_from(FIELDS), json_values)


def candidate(name: str, given_answers: dict[str, JsonValue]) -> Candidate:
    return Candidate(
        application=name,
        answers=given_answers,
        applicant=Applicant(organisation="두레"),
        dates=DATES,
    )


@given(answers)
def test_taking_an_answer_away_never_meets_a_rule_that_was_failed(
    given_answers: dict[str, JsonValue],
) -> None:
    unconditional = RULES[:-1]
    before = {f.rule for f in failures(candidate("A", given_answers), unconditional)}
    for field in given_answers:
        fewer = {k: v for k, v in given_answers.items() if k != field}
        after = {f.rule for f in failures(candidate("A", fewer), unconditional)}
        assert before <= after
        assert {r.id for r in unconditional if field in fields_of(r)} <= after


plain = {
    "sector": st.sampled_from(["academia", "industry"]),
    "servers": st.integers(0, 40),
    "consent": st.booleans(),
    "plan": st.text(min_size=1, max_size=3),
    "spare": st.integers(0, 8),
    "expires": st.dates().map(str),
    "partners": st.just([{"name": "가람", "number": ""}]),
}


@given(st.fixed_dictionaries({}, optional=plain))
def test_an_open_rule_is_open_only_for_want_of_an_answer(
    given_answers: dict[str, JsonValue],
) -> None:
    for rule, found in zip(RULES, verdicts(candidate("A", given_answers), RULES), strict=True):
        wanting = [f for f in fields_of(rule) if not str(given_answers.get(f, "")).strip()]
        if found.state == "open":
            assert found.field == wanting[0]
        elif found.state == "not_met":
            assert not wanting
        assert (found.field is None) is (fields_of(rule) == ())


@given(st.lists(answers, max_size=5))
def test_the_order_of_arrival_changes_nothing(many: list[dict[str, JsonValue]]) -> None:
    candidates = [candidate(f"A{n}", a) for n, a in enumerate(many)]
    straight = plan(ScreeningSnapshot(call="c", candidates=tuple(candidates)), RULES, HEADER)
    turned = plan(ScreeningSnapshot(call="c", candidates=tuple(candidates[::-1])), RULES, HEADER)
    assert straight == turned
    assert all(intent.admitted is (intent.failures == ()) for intent in straight.intents)
