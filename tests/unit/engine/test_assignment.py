"""Assignment of reviewers: conflicts seen through spellings, even loads, shortages named."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from dure.engine.assignment import (
    AssignmentPlan,
    AssignmentSnapshot,
    Reviewer,
    Submission,
    conflict,
    plan,
)
from dure.engine.checks.assignment import violations
from dure.engine.organisation_names import canonical_name
from dure.vocabulary.plans import Header
from dure.vocabulary.reasons import CATALOGUE

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC), seed="2026-1")


def reviewers(count: int, **fields: tuple[str, ...]) -> tuple[Reviewer, ...]:
    return tuple(
        Reviewer(reviewer=f"r{n}", organisation=f"institute {n}", **fields) for n in range(count)
    )


def submissions(count: int, **fields: str) -> tuple[Submission, ...]:
    return tuple(
        Submission(application=f"A{n}", organisation=f"firm {n}", **fields) for n in range(count)
    )


def planned(
    subs: tuple[Submission, ...],
    revs: tuple[Reviewer, ...],
    *,
    each: int,
    already: tuple[tuple[str, str], ...] = (),
) -> AssignmentPlan:
    snapshot = AssignmentSnapshot(call="c", submissions=subs, reviewers=revs, already=already)
    made = plan(snapshot, each, HEADER)
    assert violations(snapshot, each, made) == ()
    return made


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("두레 주식회사", "(주)두레"),
        ("㈜두레", "주식회사 두레"),
        ("서울대학교 산학협력단", "서울대학교"),
        ("Seoul National University R&DB Foundation", "Seoul National University"),
        ("Hanbat University Industry-Academic Cooperation Foundation", "Hanbat University"),
        ("Dure Co., Ltd.", "DURE"),
        ("Dure, Inc.", "ｄｕｒｅ"),
        ("Dure L.L.C.", "Dure"),
        ("재단법인 한국과학원", "(재) 한국 과학원"),
        ("두레", "두레"),
    ],
)
def test_spellings_of_one_organisation_are_equal(one: str, other: str) -> None:
    assert canonical_name(one) == canonical_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("두레", "두레소프트"), ("Company", "Limited"), ("주식회사", "산학협력단"), ("Inca", "A")],
)
def test_different_organisations_stay_different(one: str, other: str) -> None:
    assert canonical_name(one) != canonical_name(other)


@pytest.mark.parametrize(
    ("reviewer", "code"),
    [
        (Reviewer(reviewer="r", organisation="(주)두레"), "assignment.same_organisation"),
        (Reviewer(reviewer="r", organisation="한밭대학교"), "assignment.partner_organisation"),
        (Reviewer(reviewer="r", organisation="x", declared=("A1",)), "assignment.declared"),
        (Reviewer(reviewer="r", organisation="x", declared=("두레㈜",)), "assignment.declared"),
        (Reviewer(reviewer="r", organisation="x", declared=("한밭대학교",)), "assignment.declared"),
        (Reviewer(reviewer="r", organisation="x", declared=("A2", "")), None),
        (Reviewer(reviewer="r", organisation=""), None),
    ],
)
def test_each_kind_of_conflict_has_its_reason(reviewer: Reviewer, code: str | None) -> None:
    submission = Submission(
        application="A1", organisation="두레 주식회사", partners=("한밭대학교 산학협력단", "")
    )
    assert conflict(submission, reviewer) == code
    assert code is None or code in CATALOGUE


def test_a_blank_organisation_is_nobodys() -> None:
    blank = Submission(application="A1", organisation="", partners=("",))
    assert conflict(blank, Reviewer(reviewer="r", organisation="", declared=("",))) is None


def test_every_application_gets_its_reviewers_and_loads_differ_by_one_at_most() -> None:
    made = planned(submissions(10), reviewers(7), each=3)
    assert set(Counter(i.application for i in made.intents).values()) == {3}
    assert sorted(Counter(i.reviewer for i in made.intents).values()) == [4, 4, 4, 4, 4, 5, 5]
    assert made.short == ()


def test_a_reviewer_of_the_field_is_preferred_and_the_reason_says_so() -> None:
    revs = (
        Reviewer(reviewer="r1", organisation="x", fields=("language",)),
        Reviewer(reviewer="r2", organisation="y", fields=("vision",)),
    )
    subs = (
        Submission(application="A1", organisation="f", field="vision"),
        Submission(application="A2", organisation="g", field="language"),
    )
    made = planned(subs, revs, each=1)
    assert [(i.application, i.reviewer) for i in made.intents] == [("A1", "r2"), ("A2", "r1")]
    assert made.intents[0].reason.params == {"field": "vision", "load": 1}


def test_even_loads_come_before_the_field() -> None:
    revs = (Reviewer(reviewer="r1", organisation="x", fields=("vision",)), *reviewers(1))
    made = planned(submissions(2, field="vision"), revs, each=1)
    assert sorted(i.reviewer for i in made.intents) == ["r0", "r1"]
    assert {i.reason.code for i in made.intents} == {"assignment.by_field", "assignment.by_load"}


def test_an_application_short_of_reviewers_gets_all_there_are_and_is_named() -> None:
    subs = (Submission(application="A1", organisation="institute 0"), *submissions(1))
    made = planned(subs, reviewers(3), each=3)
    assert made.short == ("A1",)
    assert [i.reviewer for i in made.intents if i.application == "A1"] == ["r1", "r2"]


def test_what_is_assigned_already_counts_and_stays() -> None:
    already = (("A0", "r0"), ("A1", "r0"), ("A2", "r0"), ("gone", "r1"), ("A0", "gone"))
    made = planned(submissions(3), reviewers(3), each=2, already=already)
    assert sorted(Counter(i.reviewer for i in made.intents).items()) in (
        [("r1", 1), ("r2", 2)],
        [("r1", 2), ("r2", 1)],
    )


def test_a_conflict_found_later_voids_the_assignment_and_is_replaced() -> None:
    subs = (Submission(application="A1", organisation="institute 0"),)
    made = planned(subs, reviewers(2), each=1, already=(("A1", "r0"),))
    assert [(i.application, i.reviewer) for i in made.intents] == [("A1", "r1")]


def test_nothing_to_assign_is_an_empty_plan() -> None:
    assert planned((), reviewers(2), each=3).intents == ()
    assert planned(submissions(1), (), each=3).short == ("A0",)


def test_a_reviewer_named_twice_is_an_error() -> None:
    with pytest.raises(ValidationError, match="reviewer named more than once: r0"):
        AssignmentSnapshot(call="c", submissions=(), reviewers=reviewers(1) * 2)
