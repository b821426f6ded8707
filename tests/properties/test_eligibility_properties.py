"""Screening never crashes, never lets an unanswered rule pass, and knows no order of arrival."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from dure.engine.eligibility import Applicant, Candidate, ScreeningSnapshot, failures, plan
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.eligibility import (
    Affirmed,
    Answered,
    AtLeast,
    AtMost,
    EligibilityRule,
    OneOf,
)

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC))
SAY = Text(ko="요건", en="requirement")
RULES: tuple[EligibilityRule, ...] = (
    OneOf(id="sector", say=SAY, kind="one_of", field="sector", values=("academia", 7)),
    AtMost(id="most", say=SAY, kind="at_most", field="servers", limit=32),
    AtLeast(id="least", say=SAY, kind="at_least", field="servers", limit=1),
    Affirmed(id="consent", say=SAY, kind="affirmed", field="consent"),
    Answered(id="plan", say=SAY, kind="answered", field="plan"),
    AtMost(id="narrow", say=SAY, kind="at_most", field="servers", limit=4, when={"sector": "sme"}),
)
FIELDS = ("sector", "servers", "consent", "plan")

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
        application=name, answers=given_answers, applicant=Applicant(organisation="두레")
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
        assert {r.id for r in unconditional if getattr(r, "field", None) == field} <= after


@given(st.lists(answers, max_size=5))
def test_the_order_of_arrival_changes_nothing(many: list[dict[str, JsonValue]]) -> None:
    candidates = [candidate(f"A{n}", a) for n, a in enumerate(many)]
    straight = plan(ScreeningSnapshot(call="c", candidates=tuple(candidates)), RULES, HEADER)
    turned = plan(ScreeningSnapshot(call="c", candidates=tuple(candidates[::-1])), RULES, HEADER)
    assert straight == turned
    assert all(intent.admitted is (intent.failures == ()) for intent in straight.intents)
