"""Assignment of reviewers: conflicts seen through spellings, even loads, shortages named."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from dure.engine.assignment import (
    AssignmentPlan,
    AssignmentPolicy,
    AssignmentSnapshot,
    Held,
    PastProject,
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
    held: tuple[Held, ...] = (),
    barred: tuple[tuple[str, str], ...] = (),
    policy: AssignmentPolicy | None = None,
) -> AssignmentPlan:
    snapshot = AssignmentSnapshot(
        call="c", submissions=subs, reviewers=revs, held=held, barred=barred
    )
    rules = policy or AssignmentPolicy(reviews=each)
    made = plan(snapshot, rules, HEADER)
    assert violations(snapshot, rules, made) == ()
    return made


def pairs(made: AssignmentPlan) -> list[tuple[str, str]]:
    return [(i.application, i.reviewer) for i in made.intents]


def due(application: str, reviewer: str, days: int, *, reviewed: bool = False) -> Held:
    """A review due so many days after the plan is made."""
    due_at = HEADER.now + timedelta(days=days)
    return Held(application=application, reviewer=reviewer, due_at=due_at, reviewed=reviewed)


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


SINCE = 2023


@pytest.mark.parametrize(
    ("reviewer", "code"),
    [
        ({"name": "홍길동"}, "assignment.takes_part"),
        ({"name": "Gildong HONG"}, "assignment.takes_part"),
        ({"organisation": "Dure Co., Ltd."}, "assignment.same_organisation"),
        (
            {"past_projects": (PastProject(person="Hong Gil-dong", year=2024),)},
            "assignment.past_project",
        ),
        (
            {"past_projects": (PastProject(organisation="㈜두레", year=2023),)},
            "assignment.past_project",
        ),
        (
            {"past_projects": (PastProject(person="홍길동", year=2025),)},
            "assignment.past_project",
        ),
        ({"past_projects": (PastProject(organisation="㈜두레", year=2022),)}, None),
        ({"organisation": "Cloud Inc."}, "assignment.supplier"),
        ({"supplies": ("CLOUD",)}, "assignment.supplier"),
        ({"supplies": ("두레",)}, "assignment.supplier"),
        ({"supplies": ("Other",)}, None),
        ({"competes_in": ("open/large",)}, "assignment.competitor"),
        ({"competes_in": ("open/small", "")}, None),
    ],
)
def test_past_work_supply_and_competition_are_conflicts(
    reviewer: dict[str, object], code: str | None
) -> None:
    submission = Submission(
        application="A1",
        organisation="두레 주식회사",
        people=("홍길동",),
        providers=("Cloud",),
        group="open/large",
    )
    judge = Reviewer.model_validate({"reviewer": "r", "organisation": "x", **reviewer})
    assert conflict(submission, judge, SINCE) == code
    assert code is None or code in CATALOGUE
    alone = submission.model_copy(update={"group": ""})
    assert code != "assignment.competitor" or conflict(alone, judge, SINCE) is None


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
    assert pairs(made) == [("A1", "r2"), ("A2", "r1")]
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


def test_the_own_field_counts_more_than_another_and_a_keyword_more_than_nothing() -> None:
    revs = (
        Reviewer(reviewer="own", organisation="w", fields=("Vision",)),
        Reviewer(reviewer="other", organisation="x", other_fields=("vision ",)),
        Reviewer(reviewer="words", organisation="y", keywords=("ＶＩＴ",)),
        Reviewer(reviewer="none", organisation="z", fields=("language",)),
    )
    subs = (Submission(application="A1", organisation="f", field="vision", keywords=("ViT",)),)
    for each, chosen in enumerate(("own", "other", "words", "none"), start=1):
        made = planned(subs, revs, each=each)
        assert chosen in {i.reviewer for i in made.intents}
    codes = {i.reviewer: i.reason.code for i in made.intents}
    assert codes == {
        "own": "assignment.by_field",
        "other": "assignment.by_field",
        "words": "assignment.by_keywords",
        "none": "assignment.by_load",
    }


def test_nobody_takes_more_than_their_limit_and_the_lack_is_spread_and_named() -> None:
    revs = (
        Reviewer(reviewer="r0", organisation="a", most=1),
        Reviewer(reviewer="r1", organisation="b"),
    )
    made = planned(submissions(3), revs, each=2, policy=AssignmentPolicy(reviews=2, most_reviews=2))
    assert Counter(i.reviewer for i in made.intents) == {"r0": 1, "r1": 2}
    assert Counter(i.application for i in made.intents) == {"A0": 1, "A1": 1, "A2": 1}
    assert made.short == ("A0", "A1", "A2")


def test_what_is_held_counts_and_stays() -> None:
    held = tuple(
        Held(application=a, reviewer=r)
        for a, r in (("A0", "r0"), ("A1", "r0"), ("A2", "r0"), ("gone", "r1"))
    )
    made = planned(submissions(3), reviewers(3), each=2, held=held)
    assert sorted(Counter(i.reviewer for i in made.intents).items()) in (
        [("r1", 1), ("r2", 2)],
        [("r1", 2), ("r2", 1)],
    )
    assert made.withdrawn == ()


@pytest.mark.parametrize("reviewed", [False, True])
def test_a_conflict_found_later_ends_the_review_and_somebody_else_takes_it(
    reviewed: bool,  # noqa: FBT001  # a parameter of pytest
) -> None:
    subs = (Submission(application="A1", organisation="institute 0"),)
    held = (Held(application="A1", reviewer="r0", reviewed=reviewed),)
    made = planned(subs, reviewers(2), each=1, held=held)
    assert pairs(made) == [("A1", "r1")]
    assert [(w.reviewer, w.reason.code) for w in made.withdrawn] == [
        ("r0", "assignment.same_organisation")
    ]


def test_who_has_left_leaves_the_reviews_given_and_no_others() -> None:
    held = (
        Held(application="A0", reviewer="left", reviewed=True),
        Held(application="A1", reviewer="left"),
    )
    made = planned(submissions(2), reviewers(1), each=1, held=held)
    assert pairs(made) == [("A1", "r0")]
    assert [(w.application, w.reason.code) for w in made.withdrawn] == [("A1", "assignment.left")]


def test_who_stepped_back_is_never_asked_again() -> None:
    made = planned(submissions(1), reviewers(2), each=2, barred=(("A0", "r0"),))
    assert pairs(made) == [("A0", "r1")]
    assert made.short == ("A0",)


REPLACE = AssignmentPolicy(reviews=1, replace_late=True)


def test_a_late_review_goes_to_somebody_else_who_is_not_late() -> None:
    held = (
        due("A0", "r0", -1),
        due("A1", "r1", -1),
        due("A2", "r0", -1, reviewed=True),
        due("A3", "r2", 1),
    )
    made = planned(submissions(4), reviewers(4), each=1, held=held, policy=REPLACE)
    assert {(w.application, w.reviewer) for w in made.withdrawn} == {("A0", "r0"), ("A1", "r1")}
    assert {w.reason.code for w in made.withdrawn} == {"assignment.late"}
    assert {i.reviewer for i in made.intents} <= {"r2", "r3"}
    assert made.short == ()


def test_without_the_word_to_replace_late_reviews_stay() -> None:
    made = planned(submissions(1), reviewers(2), each=1, held=(due("A0", "r0", -1),))
    assert made.intents == made.withdrawn == ()


def test_a_late_review_stays_where_nobody_else_can_take_it() -> None:
    held = (due("A0", "r0", -1),)
    made = planned(submissions(1), reviewers(1), each=1, held=held, policy=REPLACE)
    assert (made.intents, made.withdrawn, made.short) == ((), (), ())


def test_nothing_to_assign_is_an_empty_plan() -> None:
    assert planned((), reviewers(2), each=3).intents == ()
    assert planned(submissions(1), (), each=3).short == ("A0",)


def test_a_reviewer_named_twice_is_an_error() -> None:
    with pytest.raises(ValidationError, match="reviewer named more than once: r0"):
        AssignmentSnapshot(call="c", submissions=(), reviewers=reviewers(1) * 2)
