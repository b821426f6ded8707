"""Supply calls: figures, points, and the choice among bids."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from pydantic import ValidationError
from tests.unit.engine.tenders import (
    HEADER,
    bid,
    call,
    lot,
    minimum,
    of,
    policy,
    rubric,
    text,
    winners,
)

from dure.engine.checks.tender import violations
from dure.engine.tender import TenderPolicy, TenderSnapshot, plan
from dure.engine.tender.deciding import Contender, Rules, decide
from dure.engine.tender.figures import computed, value
from dure.engine.tender.options import TooManyWaysError
from dure.engine.tender.search import STEPS
from dure.vocabulary.programme.supply_calls import (
    Linear,
    Relative,
    Section,
    SupplyCriterion,
    SupplyRubric,
)

RELATIVE = Relative(kind="relative")


def linear(worst: object, best: object) -> Linear:
    return Linear.model_validate({"kind": "linear", "worst": worst, "best": best})


def test_figures_are_exact_and_of_the_whole_bid() -> None:
    offer = bid(
        "a",
        50,
        lot(servers=100, own_servers=20, price=3_000_000_000, power_kw=1500, months=4),
        lot(servers=50, own_servers=10, price=1_000_000_000, power_kw=900, months=9, model="H200"),
    )
    of_offer = {
        name: value(name, offer, call(offer))
        for name in (
            "pflops_per_billion",
            "public_share",
            "largest_cluster",
            "kw_per_pflops",
            "months_to_service",
        )
    }
    tflops = 8 * (100 * 2250 + 50 * 989)
    assert of_offer == {
        "pflops_per_billion": Fraction(tflops, 4000),
        "public_share": Fraction(120, 150),
        "largest_cluster": 80,
        "kw_per_pflops": Fraction(2400 * 1000, tflops),
        "months_to_service": 9,
    }


@pytest.mark.parametrize(
    ("months", "points"),
    [(12, 0), (18, 0), (9, Fraction(5, 2)), (6, 5), (3, Fraction(15, 2)), (0, 10)],
)
def test_linear_points_run_from_worst_to_best_and_stay_within(
    months: int, points: Fraction | int
) -> None:
    given = rubric(("months_to_service", 10, linear(12, 0)))
    (line,) = computed(call(bid("a", 50, lot(months=months))), given)["a"]
    assert [line.value, line.points] == [months, points]


def test_relative_points_are_the_ratio_to_the_best_bid() -> None:
    given = rubric(("kw_per_pflops", 9, RELATIVE), ("largest_cluster", 6, RELATIVE))
    found = computed(
        call(
            bid("a", 50, lot(servers=64, power_kw=500)), bid("b", 50, lot(servers=32, power_kw=500))
        ),
        given,
    )
    assert [[line.points for line in found[name]] for name in "ab"] == [[9, 6], [Fraction(9, 2), 3]]


def test_a_figure_of_nothing_that_is_the_best_has_all_points() -> None:
    given = rubric(("months_to_service", 10, RELATIVE))
    found = computed(call(bid("a", 50, lot(months=0)), bid("b", 50, lot(months=5))), given)
    assert [found[name][0].points for name in "ab"] == [10, 0]


def test_a_failed_bid_stays_the_measure_of_the_others() -> None:
    given = policy(rubric(("largest_cluster", 10, RELATIVE)))
    best = bid("best", 80, lot(servers=100))
    other = bid("other", 80, lot(servers=50))
    before = plan(call(best, other), given, HEADER)
    failed = best.model_copy(update={"standing": "failed_inspection"})
    after = plan(call(failed, other), given, HEADER)
    assert of(before, "other").total == of(after, "other").total == 85
    assert of(after, "best").outcome == "out"


def test_the_best_placed_are_chosen_while_the_budget_lasts() -> None:
    bids = [
        bid("a", 90, lot(price=600)),
        bid("b", 80, lot(price=500)),
        bid("c", 70, lot(price=400)),
    ]
    decided = plan(call(*bids), policy(), HEADER)
    assert winners(decided) == ["a", "c"]
    refused = of(decided, "b")
    assert refused.reason.code == "tender.budget"
    assert refused.reason.params["room"] == 400
    assert refused.reason.params["short"] == 100
    assert [(c.code, *c.params.values()) for c in refused.changes] == [
        ("tender.change_price", 100),
        ("tender.change_points", "10.00"),
    ]


def test_a_tie_in_points_goes_to_the_cheaper_then_to_the_draw() -> None:
    third = Fraction(1, 3)
    bids = [bid("a", 60 + third, lot(price=200)), bid("b", 60 + third, lot(price=100))]
    drawn = [bid(name, 50, lot(price=300)) for name in "xyz"]
    decided = plan(call(*bids, *drawn), policy(), HEADER)
    assert [one.bid for one in decided.intents[:2]] == ["b", "a"]
    assert {one.bid for one in decided.intents[2:]} == set("xyz")
    other_seed = HEADER.model_copy(update={"seed": "other"})
    orders = {
        tuple(one.bid for one in plan(call(*drawn), policy(), head).intents)
        for head in (HEADER, other_seed)
    }
    assert len(orders) == 2


def test_a_divisible_bid_is_bought_in_part() -> None:
    whole = bid("a", 90, lot(price=600))
    parts = bid("b", 80, lot(servers=64, price=800, parts=4), divisible=True)
    decided = plan(call(whole, parts), policy(), HEADER)
    reduced = of(decided, "b")
    assert (reduced.outcome, reduced.parts, reduced.public_servers) == ("reduced", (2,), 32)
    assert reduced.reason.params["rule"] == "budget"


def test_at_most_so_many_win() -> None:
    decided = plan(call(bid("a", 90), bid("b", 80), bid("c", 70)), policy(most_winners=2), HEADER)
    refused = of(decided, "c")
    assert winners(decided) == ["a", "b"]
    assert refused.reason.code == "tender.most_winners"
    assert refused.reason.params["cutoff"] == "80.00"
    assert [c.code for c in refused.changes] == ["tender.change_points"]


def test_one_winner_has_its_share_of_the_budget_at_most() -> None:
    given = policy(most_share_of_budget="1/2")
    decided = plan(call(bid("a", 90, lot(price=501)), bid("b", 80, lot(price=500))), given, HEADER)
    assert winners(decided) == ["b"]
    assert of(decided, "a").reason.code == "tender.share_of_budget"
    assert of(decided, "a").changes[0].params == {"by": 1}


def test_what_is_bought_of_one_may_have_to_stand_in_one_centre() -> None:
    two = (lot(price=100), lot(price=100, centre="sejong"))
    given = policy(one_centre=True)
    decided = plan(call(bid("a", 90, *two), bid("b", 80, *two, divisible=True)), given, HEADER)
    assert of(decided, "a").reason.code == "tender.one_centre"
    assert of(decided, "b").parts == (1, 0)


def test_each_winner_may_need_a_large_cluster() -> None:
    given = policy(minimums=[minimum("large", 256, kind="cluster", each_winner=True)])
    small, large = bid("small", 90, lot(servers=255)), bid("large", 60, lot(servers=256))
    decided = plan(call(small, large), given, HEADER)
    assert winners(decided) == ["large"]
    assert of(decided, "small").reason.params["largest"] == 255


def test_a_minimum_passes_over_a_better_bid_and_says_so() -> None:
    given = policy(minimums=[minimum("volume", 8 * 100)])
    best, large = (
        bid("best", 90, lot(servers=32, price=500)),
        bid("large", 60, lot(servers=100, price=600)),
    )
    decided = plan(call(best, large), given, HEADER)
    assert winners(decided) == ["large"]
    assert of(decided, "best").reason.code == "tender.minimum"
    assert of(decided, "best").reason.params["rule"] == "volume"
    assert of(decided, "best").changes[0].params == {"by": 100}


def test_rules_that_cannot_be_met_together_are_named_the_fewest_of_them() -> None:
    given = policy(
        most_winners=5,
        minimums=[minimum("volume", 8 * 96), minimum("small", 8)],
    )
    bids = [bid(name, 90, lot(price=500)) for name in "abc"]
    decided = plan(call(*bids), given, HEADER)
    assert winners(decided) == []
    assert decided.conflict == ("volume", "budget")
    assert of(decided, "a").reason.params == {"rules": "volume, budget"}
    assert violations(call(*bids), given, decided) == ()
    alone = plan(call(bids[0]), policy(minimums=[minimum("volume", 8 * 96)]), HEADER)
    assert alone.conflict == ("volume",)


def test_a_single_bid_is_judged_and_nobody_may_win() -> None:
    given = policy(rubric(pass_mark=60))
    assert winners(plan(call(bid("a", 60)), given, HEADER)) == ["a"]
    decided = plan(call(bid("a", "59.999")), given, HEADER)
    assert winners(decided) == []
    assert of(decided, "a").reason.params == {"score": "59.99", "pass_mark": "60.00"}
    assert winners(plan(call(), given, HEADER)) == []


def test_a_bid_with_too_few_reviews_has_no_place() -> None:
    decided = plan(call(bid("a", None), bid("b", 10)), policy(), HEADER)
    assert (of(decided, "a").rank, of(decided, "a").outcome) == (None, "not_scored")


def test_score_weighted_takes_the_most_points_times_volume() -> None:
    bids = [
        bid("best", 90, lot(servers=32, price=600)),
        bid("b", 80, lot(servers=32, price=500)),
        bid("c", 70, lot(servers=32, price=500)),
    ]
    given = policy(objective="score-weighted")
    decided = plan(call(*bids), given, HEADER)
    assert winners(decided) == ["b", "c"]
    assert decided.value == decided.bound == 150 * Fraction(32 * 8 * 2250, 1000)
    assert of(decided, "best").reason.code == "tender.budget_value"


def test_a_bid_that_divides_too_finely_is_refused_by_name() -> None:
    finely = bid("a", 90, *(lot(servers=32, price=320, parts=32) for _ in range(2)), divisible=True)
    with pytest.raises(TooManyWaysError, match="bid a can be bought in 1089 ways"):
        plan(call(finely), policy(), HEADER)


def test_forty_bids_are_weighed_within_the_steps() -> None:
    random = Random(7)  # noqa: S311  # made-up bids
    bids = [
        bid(
            f"b{n:02}",
            random.randint(4000, 9500) / 100,
            lot(servers=random.randint(20, 400), price=random.randint(50, 400)),
        )
        for n in range(40)
    ]
    for objective in ("strict-order", "score-weighted"):
        given = policy(objective=objective, most_winners=6, minimums=[minimum("volume", 8 * 1000)])
        contenders = [Contender(b, Fraction(b.reviewed or 0), b.bid) for b in bids]
        decided = decide(contenders, Rules(call(*bids), given))
        assert decided is not None
        assert decided.proven, f"not proven in {STEPS} steps"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"servers": 10, "own_servers": 10}, "leaves no server"),
        ({"servers": 10, "parts": 3}, "does not divide into 3 parts"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        lot(**{"price": 90, **wrong})


def test_a_model_without_a_data_sheet_is_refused() -> None:
    with pytest.raises(ValidationError, match="no data-sheet figure for: MI300X"):
        call(bid("a", 50, lot(model="MI300X")))


def _section(points: int, *lines: tuple[str, int]) -> Section:
    criteria = tuple(
        SupplyCriterion(id=name, label=text(name), points=given) for name, given in lines
    )
    return Section(id="s", label=text("s"), points=points, criteria=criteria)


def test_points_that_do_not_add_up_are_refused_with_the_sum() -> None:
    with pytest.raises(ValidationError, match="add up to 49, not to the section's 50"):
        _section(50, ("a", 30), ("b", 19))
    with pytest.raises(ValidationError, match="add up to 50, not to 100"):
        SupplyRubric(sections=(_section(50, ("a", 50)),))
    with pytest.raises(ValidationError, match="criterion named more than once: a"):
        SupplyRubric(sections=(_section(50, ("a", 50)), _section(50, ("a", 50))))


def test_a_formula_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValidationError, match="less months_to_service is better"):
        rubric(("months_to_service", 10, linear(0, 12)))


GOOD = (
    call(bid("a", 90, lot(price=600)), bid("b", 80, lot(price=500)), bid("c", 70, lot(price=400))),
    policy(most_winners=2, minimums=[minimum("volume", 8)]),
)


def _broken(snapshot: TenderSnapshot, given: TenderPolicy, **changed: object) -> set[str]:
    decided = plan(snapshot, given, HEADER)
    assert violations(snapshot, given, decided) == ()
    wrong = decided.model_copy(update=changed)
    return {violation.rule for violation in violations(snapshot, given, wrong)}


def test_the_checker_refuses_what_is_not_so() -> None:
    snapshot, given = GOOD
    decided = plan(snapshot, given, HEADER)
    a, b, c = decided.intents
    swapped = (
        a.model_copy(update={"parts": (0,), "price": 0, "public_servers": 0, "outcome": "refused",
                             "reason": b.reason}),
        b.model_copy(update={"parts": (1,), "price": 500, "public_servers": 32, "outcome": "won",
                             "reason": a.reason}),
        c,
    )  # fmt: skip
    assert "tender.passed_over" in _broken(snapshot, given, intents=swapped, price=900)
    assert "tender.sums" in _broken(snapshot, given, price=999)
    assert "tender.value" in _broken(snapshot, given, value=Fraction(1))
    assert "tender.conflict" in _broken(snapshot, given, conflict=("budget",))
    assert "tender.outcomes" in _broken(snapshot, given, intents=(a, b))
    assert "tender.order" in _broken(snapshot, given, intents=(b, a, c))
    untrue = (a, b.model_copy(update={"reason": a.reason}), c)
    assert "tender.reason" in _broken(snapshot, given, intents=untrue)
    more = (a.model_copy(update={"total": a.total + 1}), b, c)
    assert "tender.points" in _broken(snapshot, given, intents=more)


@pytest.mark.parametrize(
    ("rule", "award"),
    [
        ("tender.budget", {"budget": 999}),
        ("tender.most_winners", {"most_winners": 1}),
        ("tender.most_share_of_budget", {"most_share_of_budget": "1/2"}),
        ("tender.minimum.volume", {"minimums": [minimum("volume", 8 * 65)]}),
    ],
)
def test_the_checker_knows_each_rule(rule: str, award: dict[str, object]) -> None:
    snapshot, given = GOOD
    decided = plan(snapshot, given, HEADER)
    stricter = policy(None, **award)
    assert rule in {violation.rule for violation in violations(snapshot, stricter, decided)}
