"""A stored round under other rules: what each change does, and how it is refused."""

from __future__ import annotations

import pytest
from tests.unit.engine.rounds import offer, policy, request, sentence, snapshot

from dure.engine.allocation.facts import Group, PoolOffer, RoundPolicy
from dure.engine.allocation.scenario import UnableToChange, apply, pools_beyond
from dure.vocabulary.scenario import Change

FACTS = snapshot(
    request(1, 4, minimum=2),
    request(2, 4, region="honam"),
    request(3, 4, sector="sme"),
    offers=(
        offer((8, 8)),
        offer((5, 3), "blocky", block_servers=2, blocks=((2, 2), (2, 1), (1, 0))),
    ),
)
RULES = policy(
    Group(group="academic", sectors=("university",), most=6),
    Group(group="each-region", kind="rule", each="region", most=7),
)


def changed(**change: object) -> Change:
    return Change.model_validate({"name": "other", **change})


def offers(**change: object) -> dict[str, PoolOffer]:
    facts, _ = apply(FACTS, RULES, changed(**change))
    return {one.pool: one for one in facts.offers}


def groups(**change: object) -> dict[str, Group]:
    _, rules = apply(FACTS, RULES, changed(**change))
    return {one.group: one for one in rules.groups}


def refused(**change: object) -> tuple[str, str]:
    with pytest.raises(UnableToChange) as caught:
        apply(FACTS, RULES, changed(**change))
    return caught.value.where, sentence(caught.value.reason)


def test_an_empty_change_gives_back_what_was_stored() -> None:
    assert apply(FACTS, RULES, changed()) == (FACTS, RULES)


def test_servers_that_come_stand_in_new_blocks_and_those_that_go_leave_the_last() -> None:
    more = offers(supply={"blocky": {"by": 3}})["blocky"]
    assert more.servers == (8, 6)
    assert more.blocks == ((2, 2), (2, 1), (1, 0), (2, 2), (1, 1))
    fewer = offers(supply={"blocky": {"by": -4}})["blocky"]
    assert fewer.servers == (1, 0)
    assert fewer.blocks == ((1, 0), (0, 0), (0, 0))


def test_a_pool_is_set_to_a_number_in_all_months_and_spares_are_kept_back() -> None:
    assert offers(supply={"h200": {"to": 5}})["h200"].servers == (5, 5)
    assert offers(spares={"blocky": 2})["blocky"].servers == (3, 1)
    both = offers(supply={"h200": {"to": 5}}, spares={"h200": -1})["h200"]
    assert both.servers == (6, 6)


def test_pools_that_give_more_than_there_is_are_named() -> None:
    facts, _ = apply(FACTS, RULES, changed(supply={"h200": {"by": -1}, "blocky": {"to": 4}}))
    assert pools_beyond(FACTS, facts) == ("blocky",)


def test_caps_and_floors_are_set_and_taken_away() -> None:
    assert groups(bounds={"academic": {"most": 3}})["academic"].most == 3
    assert "academic" not in groups(bounds={"academic": {"most": "none"}})
    floored = groups(bounds={"academic": {"least": 2, "most": "none"}})["academic"]
    assert (floored.most, floored.least) == (None, 4)  # two servers in each of two months
    assert set(groups(dropped=["each-region"])) == {"academic"}


def test_a_floor_asks_for_no_more_than_the_group_wants() -> None:
    assert groups(bounds={"academic": {"least": 100}})["academic"].least == 8


def test_the_organisations_cap_is_set_or_taken_away() -> None:
    capped = groups(organisation_cap=2)["organisation_cap"]
    assert (capped.each, capped.most) == ("organisation", 2)
    _, rules = apply(FACTS, RULES, changed(organisation_cap=2))
    _, free = apply(FACTS, rules, changed(organisation_cap="none"))
    assert free == RULES


def test_a_rule_for_a_region_is_added() -> None:
    rule = {"id": "honam", "label": {"ko": "호남", "en": "Honam"}, "regions": ["honam"]}
    added = groups(added=[{**rule, "least": {"servers": 1}}])["honam"]
    assert (added.regions, added.most, added.least) == (("honam",), None, 2)


def test_a_lottery_needs_its_bands_and_leaves_them_behind() -> None:
    _, drawn = apply(FACTS, RULES, changed(policy="lottery", lottery_bands=["98", "97"]))
    assert (drawn.policy, len(drawn.lottery_bands)) == ("lottery", 2)
    _, ranked = apply(FACTS, drawn, changed(policy="score-weighted"))
    assert ranked == RoundPolicy(policy="score-weighted", groups=RULES.groups)


def test_other_scores_and_ranks_take_the_place_of_the_stored_ones() -> None:
    standings = {f"a{n}": {"score": 50 + n, "rank": 4 - n} for n in (1, 2, 3)}
    facts, _ = apply(FACTS, RULES, changed(standings=standings))
    assert [(r.application, r.rank, int(r.score)) for r in facts.requests] == [
        ("a1", 3, 51), ("a2", 2, 52), ("a3", 1, 53),
    ]  # fmt: skip


def test_who_has_no_rank_by_other_scores_is_not_in_the_scenario() -> None:
    standings = {f"a{n}": {"score": n, "rank": n if n < 3 else None} for n in (1, 2, 3)}
    facts, _ = apply(FACTS, RULES, changed(standings=standings))
    assert [r.application for r in facts.requests] == ["a1", "a2"]


ONE = {"score": 1, "rank": 1}


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        ({"supply": {"none": {"by": 1}}}, "supply.none", "no pool none. Its pools are: blocky, h2"),
        ({"spares": {"none": 1}}, "spares.none", "no pool none"),
        ({"supply": {"h200": {"by": -9}}}, "supply.h200", "give: 8 in its best month. As many"),
        ({"bounds": {"x": {"most": 1}}}, "bounds.x", "no quota or rule x. It has: academic"),
        ({"dropped": ["x"]}, "dropped.x", "no quota or rule x"),
        (
            {"bounds": {"each-region": {"least": 1}}},
            "bounds.each-region.least",
            "each organisation or region by itself",
        ),
        (
            {"added": [{"id": "academic", "label": {"ko": "", "en": ""}, "most": {"servers": 1}}]},
            "added.academic",
            "has a rule academic already",
        ),
        ({"policy": "lottery"}, "lottery_bands", "needs the least score"),
        ({"lottery_bands": ["1"]}, "lottery_bands", "Only a lottery"),
        (
            {"policy": "lottery", "lottery_bands": ["1", "2"]},
            "lottery_bands",
            "must fall from the best",
        ),
        ({"standings": {"a1": ONE}}, "standings.a2", "application a2 has no score and rank"),
        ({"standings": {"a9": ONE}}, "standings.a9", "no application a9"),
        (
            {"standings": {"a1": ONE, "a2": ONE, "a3": ONE}},
            "standings.a2.rank",
            "Rank 1 is given twice, the second time to a2",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_round_is_refused_with_its_field(
    change: dict[str, object], where: str, said: str
) -> None:
    field, words = refused(**change)
    assert field == where
    assert said in words
