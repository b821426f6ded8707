"""The checker names the rule that a plan breaks, whichever it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dure.engine.allocation.facts import (
    Group,
    Held,
    Outcome,
    PoolOffer,
    Request,
    RoundPlan,
    RoundPolicy,
    RoundSnapshot,
    Wish,
)
from dure.engine.checks.allocation import violations
from dure.engine.placement import BlockShare
from dure.vocabulary.plans import Header, Reason
from dure.vocabulary.reasons import CATALOGUE

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC))


def request(rank: int, servers: int, minimum: int, **changes: Any) -> Request:
    facts: dict[str, Any] = {
        "application": f"a{rank}",
        "organisation": f"org{rank}",
        "region": "seoul",
        "sector": "university",
        "track": "one",
        "size_class": "small",
        "wishes": (Wish(model="A", servers=servers, minimum=minimum),),
        "rank": rank,
        "score": 50,
    }
    return Request(**facts | changes)


def said(code: str) -> Reason:
    """A reason whose sentence has all it needs."""
    return Reason(code=code, params=_Anything().fills(CATALOGUE[code]))


class _Anything(dict[str, Any]):
    def fills(self, sentence: str) -> dict[str, Any]:
        sentence.format_map(self)
        return dict(self)

    def __missing__(self, name: str) -> str:
        self[name] = "x"
        return "x"


def shares(**blocks: int) -> tuple[BlockShare, ...]:
    return tuple(BlockShare(block=int(name[1:]), servers=n) for name, n in blocks.items())


# Six servers in two blocks of four, two of them spare. `a1` takes a block for a month, `a2` two of
# the four servers it wants for both months, and `a3` waits for four in the first.
SNAPSHOT = RoundSnapshot(
    call="r1",
    months=2,
    requests=(
        request(1, 4, 4, contiguity="blocks"),
        request(2, 4, 2, months=2, organisation="org1"),
        request(3, 4, 4),
    ),
    offers=(
        PoolOffer(
            pool="p",
            cluster="c",
            model="A",
            servers=(6, 6),
            block_servers=4,
            blocks=((4, 4), (4, 4)),
        ),
        PoolOffer(pool="q", cluster="c", model="B", servers=(9, 9)),
    ),
)
POLICY = RoundPolicy(
    groups=(
        Group(group="g", kind="quota", sectors=("university",), most=6, least=8),
        Group(group="o", kind="organisation_cap", each="organisation", most=6),
        Group(group="r", kind="rule", models=("A",), most=6),
    )
)
A1 = Outcome(
    application="a1",
    outcome="awarded",
    pool="p",
    servers=4,
    months=1,
    place=1,
    blocks=shares(b0=4),
    reason=said("round.awarded"),
)
A2 = Outcome(
    application="a2",
    outcome="reduced",
    pool="p",
    servers=2,
    months=2,
    place=2,
    blocks=shares(b1=2),
    reason=said("round.reduced"),
)
A3 = Outcome(
    application="a3",
    outcome="waitlisted",
    pool=None,
    servers=0,
    place=3,
    reason=said("round.better_ranked_ahead"),
)
MERIT = 4 * 50_000 + 2 * 2 * 50_000


def plan(*outcomes: Outcome, **changes: Any) -> RoundPlan:
    facts: dict[str, Any] = {"objective": MERIT, "bound": MERIT, "optimal": True}
    return RoundPlan(header=HEADER, intents=outcomes, **facts | changes)


def broken(
    decided: RoundPlan, snapshot: RoundSnapshot = SNAPSHOT, policy: RoundPolicy = POLICY
) -> set[str]:
    return {violation.rule for violation in violations(snapshot, policy, decided)}


def test_a_plan_that_keeps_every_rule_has_no_violations() -> None:
    assert violations(SNAPSHOT, POLICY, plan(A1, A2, A3)) == ()


@pytest.mark.parametrize(
    ("rule", "outcome", "change"),
    [
        ("place_wrong", A1, {"place": 2}),
        ("pool_unknown", A1, {"pool": "elsewhere"}),
        ("model_not_accepted", A1, {"pool": "q"}),
        ("amount_wrong", A2, {"outcome": "awarded"}),
        ("amount_wrong", A1, {"servers": 3}),
        ("amount_wrong", A2, {"servers": 1}),
        ("start_wrong", A1, {"start": 1}),
        ("months_wrong", A1, {"months": 2}),
        ("waitlisted_holds_servers", A3, {"servers": 1}),
        ("waitlisted_holds_servers", A3, {"blocks": shares(b0=1)}),
        ("pool_exceeded", A2, {"servers": 3}),
        ("quota_exceeded", A2, {"servers": 3}),
        ("organisation_cap_exceeded", A2, {"servers": 3}),
        ("rule_exceeded", A2, {"servers": 3}),
        ("floor_missed", A2, {"outcome": "waitlisted", "pool": None, "servers": 0}),
        ("unserved_but_fits", A1, {"outcome": "waitlisted", "pool": None, "servers": 0}),
        ("objective_wrong", A2, {"servers": 3}),
        ("reason_unknown", A1, {"reason": Reason(code="round.because")}),
        ("reason_unknown", A3, {"change": Reason(code="round.wish")}),
        ("reason_unfit", A1, {"reason": said("round.reduced")}),
        ("reason_incomplete", A1, {"reason": Reason(code="round.awarded")}),
        ("unplaced", A1, {"blocks": ()}),
        ("unplaced", A2, {"blocks": ()}),
        ("blocks_wrong", A1, {"blocks": shares(b0=3)}),
        ("blocks_wrong", A1, {"blocks": shares(b7=4)}),
        ("blocks_wrong", A1, {"blocks": shares(b0=2, b1=2)}),
        ("blocks_wrong", A2, {"blocks": (*shares(b1=1), *shares(b1=1))}),
        ("block_overfull", A2, {"blocks": shares(b0=2)}),
    ],
)
def test_a_changed_outcome_breaks_its_rule(
    rule: str, outcome: Outcome, change: dict[str, Any]
) -> None:
    outcomes = (A1, A2, A3)
    changed = (o.model_copy(update=change) if o is outcome else o for o in outcomes)
    assert rule in broken(plan(*changed))


@pytest.mark.parametrize(
    ("rule", "outcomes"),
    [
        ("outcome_missing", (A1, A2)),
        ("outcome_repeated", (A1, A2, A3, A3)),
        ("application_unknown", (A1, A2, A3, A3.model_copy(update={"application": "a4"}))),
        ("place_wrong", (A2, A1, A3)),
    ],
)
def test_outcomes_stand_once_and_in_order(rule: str, outcomes: tuple[Outcome, ...]) -> None:
    assert rule in broken(plan(*outcomes))


@pytest.mark.parametrize(
    ("objective", "bound", "optimal", "rule"),
    [
        (MERIT + 1, MERIT + 1, True, "objective_wrong"),
        (MERIT, MERIT - 1, False, "bound_wrong"),
        (MERIT, MERIT + 1, True, "bound_wrong"),
        (MERIT, MERIT, False, "bound_wrong"),
    ],
)
def test_the_merit_and_the_bound_are_what_they_say(
    objective: int, bound: int, rule: str, *, optimal: bool
) -> None:
    decided = plan(A1, A2, A3, objective=objective, bound=bound, optimal=optimal)
    assert broken(decided) == {rule}


def offering(**changes: Any) -> RoundSnapshot:
    """The round with another offer of its pool."""
    first, *rest = SNAPSHOT.offers
    return SNAPSHOT.model_copy(update={"offers": (first.model_copy(update=changes), *rest)})


def asking(number: int, **changes: Any) -> RoundSnapshot:
    """The round with one request changed."""
    requests = list(SNAPSHOT.requests)
    requests[number - 1] = requests[number - 1].model_copy(update=changes)
    return SNAPSHOT.model_copy(update={"requests": tuple(requests)})


@pytest.mark.parametrize(
    ("rule", "snapshot"),
    [
        ("blocks_exceeded", offering(blocks=())),
        ("block_not_whole", offering(blocks=((3, 4), (4, 4)))),
        ("block_shared", asking(2, contiguity="blocks")),
    ],
)
def test_whole_blocks_are_whole_and_promised_once(rule: str, snapshot: RoundSnapshot) -> None:
    both = A2.model_copy(update={"blocks": shares(b0=2)})
    assert rule in broken(plan(A1, both, A3), snapshot)


def test_room_left_over_must_be_used() -> None:
    roomy = RoundPolicy()
    assert broken(plan(A1, A2, A3), offering(servers=(7, 7)), roomy) == {"reduced_but_fits"}
    assert broken(plan(A1, A2, A3), offering(servers=(10, 7)), roomy) == {
        "unserved_but_fits",
        "reduced_but_fits",
    }


def ahead(**changes: Any) -> tuple[RoundSnapshot, RoundPlan]:
    """The round in which the one who waits stands first."""
    order = (asking(3, rank=4).requests[2], *SNAPSHOT.requests[:2])
    first = order[0].model_copy(update={"rank": 1} | changes)
    requests = (
        first,
        order[1].model_copy(update={"rank": 2}),
        order[2].model_copy(update={"rank": 3}),
    )
    outcomes = (
        A3.model_copy(update={"place": 1}),
        A1.model_copy(update={"place": 2}),
        A2.model_copy(update={"place": 3}),
    )
    return SNAPSHOT.model_copy(update={"requests": requests}), plan(*outcomes)


def test_who_waits_before_one_whose_servers_would_do_for_it_complains() -> None:
    snapshot, decided = ahead()
    assert broken(decided, snapshot) == {"rank_broken"}


@pytest.mark.parametrize(
    "change",
    [
        {"track": "two"},
        {"size_class": "large"},
        {"wishes": (Wish(model="A", servers=5, minimum=5),)},
        {"wishes": (Wish(model="B", servers=10, minimum=10),)},
        {"earliest": 1, "latest": 1, "wishes": (Wish(model="A", servers=5, minimum=5),)},
        {"contiguity": "blocks", "wishes": (Wish(model="A", servers=5, minimum=5),)},
    ],
)
def test_who_could_not_use_those_servers_has_no_complaint(change: dict[str, Any]) -> None:
    snapshot, decided = ahead(**change)
    assert "rank_broken" not in broken(decided, snapshot)


@pytest.mark.parametrize(
    ("offer", "held", "latest", "complains"),
    [
        ((6, 6), (0, 0), 0, True),
        ((6, 5), (0, 0), 0, False),
        ((6, 6), (0, 1), 0, False),
        ((6, 6), (0, 0), 1, False),
    ],
)
def test_a_longer_stay_complains_of_a_shorter_one_if_nothing_new_can_come_after_it(
    offer: tuple[int, int],
    held: tuple[int, int],
    latest: int,
    complains: bool,  # noqa: FBT001  # a case's column
) -> None:
    """`a1` runs for both months and `a2` for the first; in the second `a3` may start, or not."""
    facts = RoundSnapshot(
        call="r1",
        months=2,
        requests=(request(1, 6, 6, months=2), request(2, 6, 6), request(3, 7, 7, latest=latest)),
        offers=(PoolOffer(pool="p", cluster="c", model="A", servers=offer),),
        held=(Held(model="B", servers=held),),
    )
    waits = A3.model_copy(update={"application": "a1", "place": 1})
    holds = A1.model_copy(update={"application": "a2", "place": 2, "servers": 6, "blocks": ()})
    decided = plan(waits, holds, A3.model_copy(update={"place": 3}))
    assert ("rank_broken" in broken(decided, facts, RoundPolicy())) == complains


def test_rank_does_not_count_where_score_alone_decides() -> None:
    snapshot, decided = ahead()
    weighted = POLICY.model_copy(update={"policy": "score-weighted"})
    assert broken(decided, snapshot, weighted) == set()


def test_a_full_cap_of_its_own_is_an_excuse_in_the_months_in_which_it_is_full() -> None:
    """`a1` runs for both months; `a2` could run in either; its region is full in the first."""
    facts = RoundSnapshot(
        call="r1",
        months=2,
        requests=(
            request(1, 2, 2, region="jeju", latest=1),
            request(2, 2, 2, months=2),
        ),
        offers=(PoolOffer(pool="p", cluster="c", model="A", servers=(2, 2)),),
        held=(Held(region="jeju", model="A", servers=(9, 1)),),
    )
    waits = A3.model_copy(update={"application": "a1", "place": 1})
    holds = A1.model_copy(
        update={"application": "a2", "place": 2, "servers": 2, "months": 2, "blocks": ()}
    )
    merit = 2 * 2 * 50_000
    decided = plan(waits, holds, objective=merit, bound=merit)
    for most, expected in ((2, set()), (3, {"rank_broken"})):
        rules = RoundPolicy(groups=(Group(group="jeju", regions=("jeju",), most=most),))
        assert broken(decided, facts, rules) == expected


def test_what_was_promised_before_may_be_more_than_a_cap_allows() -> None:
    held = SNAPSHOT.model_copy(
        update={"held": (Held(organisation="old", model="B", servers=(9, 9)),)}
    )
    rules = RoundPolicy(groups=(Group(group="b", models=("B",), most=1),))
    assert broken(plan(A1, A2, A3), held, rules) == set()


def test_a_floor_excuses_the_holder_without_whom_it_would_be_missed() -> None:
    snapshot, decided = ahead(sector="institute")
    assert broken(decided, snapshot) == set()
    lower = POLICY.model_copy(
        update={"groups": (POLICY.groups[0].model_copy(update={"least": 4}),)}
    )
    assert broken(decided, snapshot, lower) == {"rank_broken"}


def test_what_would_end_the_excuse_of_another_is_not_owed() -> None:
    """`b` counts for a floor at two servers; a third would let `a` complain of it."""
    facts = RoundSnapshot(
        call="r1",
        requests=(
            request(1, 2, 2, sector="institute"),
            request(2, 3, 2),
            request(3, 1, 1, size_class="large"),
        ),
        offers=(
            PoolOffer(pool="p", cluster="c", model="A", servers=(3,)),
            PoolOffer(pool="q", cluster="c", model="A", servers=(0,)),
        ),
    )
    rules = RoundPolicy(groups=(Group(group="u", sectors=("university",), least=1),))
    waits = A3.model_copy(update={"application": "a1", "place": 1})
    holds = A2.model_copy(update={"months": 1, "blocks": ()})
    merit = 2 * 50_000
    decided = plan(waits, holds, A3, objective=merit, bound=merit)
    assert broken(decided, facts, rules) == set()
    nothing_owed = RoundPolicy(policy="score-weighted", groups=rules.groups)
    assert broken(decided, facts, nothing_owed) == {"unserved_but_fits", "reduced_but_fits"}
