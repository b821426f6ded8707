"""Panels: each judged on its own, by the rule that the stage names; peers who owe reviews."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from pydantic import ValidationError

from dure.engine.panel import Evaluation, Owed, PanelSnapshot, Verdict, judge, plan
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Header
from dure.vocabulary.programme import PanelRule, PeerReview, ReviewStage
from dure.vocabulary.reasons import CATALOGUE

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC), seed="s")
CRITERIA = {"merit": 60, "plan": 40}
LABEL = Text(ko="단계", en="Stage")


def judged(rule: PanelRule, *totals: tuple[int, int]) -> Verdict:
    """The verdict on reviews that gave so many points for merit and plan."""
    given = [{"merit": merit, "plan": plan_} for merit, plan_ in totals]
    return judge(application="A1", given=given, criteria=CRITERIA, rule=rule)


@pytest.mark.parametrize(
    ("rule", "totals", "code"),
    [
        (PanelRule(), [(0, 0)], "panel.passed"),
        (PanelRule(), [], "panel.no_review"),
        (PanelRule(majority=True), [(40, 20), (40, 20), (0, 0)], "panel.passed_by_majority"),
        (PanelRule(majority=True), [(60, 40), (59, 0)], "panel.no_majority"),
        (PanelRule(majority=True), [(60, 40)], "panel.passed_by_majority"),
        (PanelRule(minimum_mean=Fraction(1, 2)), [(50, 0), (50, 0)], "panel.passed"),
        (PanelRule(minimum_mean=Fraction(1, 2)), [(50, 0), (49, 0)], "panel.below_mean"),
        (PanelRule(minimum_each={"plan": Fraction(1, 4)}), [(60, 10)], "panel.passed"),
        (
            PanelRule(minimum_each={"plan": Fraction(1, 4)}),
            [(60, 20), (60, 0), (60, 9)],
            "panel.below_criterion",
        ),
    ],
)
def test_what_an_application_must_reach(
    rule: PanelRule, totals: list[tuple[int, int]], code: str
) -> None:
    verdict = judged(rule, *totals)
    assert verdict.reason.code == code
    assert code in CATALOGUE
    assert verdict.passed == code.startswith("panel.passed")
    CATALOGUE[code].format(**verdict.reason.params)


def test_a_share_below_a_mark_never_reads_as_the_mark() -> None:
    rule = PanelRule(minimum_mean=Fraction(3, 5))
    verdict = judged(rule, *[(40, 20)] * 999, (40, 19))
    assert verdict.reason.params == {"share": "59.9", "mark": "60"}


def stage(**changes: object) -> ReviewStage:
    return ReviewStage.model_validate({"id": "s", "label": LABEL, "reviews": 1, **changes})


def snapshot(totals: dict[str, int], owed: tuple[Owed, ...] = ()) -> PanelSnapshot:
    return PanelSnapshot(
        call="c",
        stage="s",
        criteria={"merit": 100},
        applications=tuple(totals),
        evaluations=tuple(
            Evaluation(application=a, reviewer="r", points={"merit": n}) for a, n in totals.items()
        ),
        owed=owed,
    )


def passed(totals: dict[str, int], **changes: object) -> set[str]:
    made = plan(snapshot(totals), stage(**changes), HEADER)
    return {v.application for v in made.intents if v.passed}


def test_nobody_need_pass_unless_the_programme_must_choose() -> None:
    low = {"A": 10, "B": 20, "C": 5}
    assert passed(low, panel={"minimum_mean": "50%"}) == set()
    assert passed(low, panel={"minimum_mean": "50%", "no_award": False}) == {"B"}
    high = {**low, "C": 60}
    assert passed(high, panel={"minimum_mean": "50%", "no_award": False}) == {"C"}


def test_a_single_application_is_judged_like_any_other() -> None:
    assert passed({"A": 49}, panel={"minimum_mean": "50%"}) == set()
    assert passed({"A": 50}, panel={"minimum_mean": "50%"}) == {"A"}


def test_nobody_is_chosen_where_nobody_was_reviewed() -> None:
    empty = snapshot({"A": 10}).model_copy(update={"evaluations": ()})
    made = plan(empty, stage(panel={"no_award": False}), HEADER)
    assert [v.passed for v in made.intents] == [False]


def test_peers_stand_in_tiers_and_who_owes_a_review_is_rejected() -> None:
    peers = stage(kind="peer", peer=PeerReview(reviews_each=5, tiers=("0.7", "0.5")))
    owed = (Owed(application="A", asked=5, missing=1), Owed(application="B", asked=5, missing=0))
    made = plan(snapshot({"A": 90, "B": 70, "C": 69, "D": 1}, owed), peers, HEADER)
    assert {v.application: v.tier for v in made.intents} == {"A": None, "B": 1, "C": 2, "D": 3}
    rejected = made.intents[0]
    assert (rejected.passed, rejected.reason.code) == (False, "panel.peer_reviews_missing")
    assert rejected.reason.params == {"missing": 1, "asked": 5}


def test_the_order_of_arrival_changes_nothing() -> None:
    given = snapshot({"A": 10, "B": 10, "C": 10})
    turned = given.model_copy(
        update={
            "applications": given.applications[::-1],
            "evaluations": given.evaluations[::-1],
        }
    )
    must_choose = stage(panel={"minimum_mean": "50%", "no_award": False})
    assert plan(given, must_choose, HEADER) == plan(turned, must_choose, HEADER)
    assert sum(v.passed for v in plan(given, must_choose, HEADER).intents) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "peer"}, "needs `peer`"),
        ({"peer": {}}, "only such a stage has it"),
        ({"kind": "peer", "reviews": 6, "peer": {"reviews_each": 5}}, "reviews_each is 5"),
        ({"kind": "peer", "peer": {"tiers": ["0.5", "0.7"]}}, "tiers must fall"),
        (
            {"criteria": ["merit"], "panel": {"minimum_each": {"plan": "50%"}}},
            "does not judge: plan",
        ),
    ],
)
def test_a_stage_that_contradicts_itself_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        stage(**changes)
