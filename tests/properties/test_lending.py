"""Whatever stands idle and whoever waits, no lending plan breaks a rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from dure.engine.checks.lending import violations
from dure.engine.lending import Borrower, Lend, LendingSnapshot, PoolState, plan
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.money import Lending

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
HEADER = Header(number=1, generation=1, now=NOW)
POOLS = ("a", "b", "c")
MODELS = st.sampled_from(["h200", "h200", "b200"])


@st.composite
def borrowers(draw: st.DrawFn, number: int) -> Borrower:
    ago = draw(st.none() | st.integers(0, 600))
    return Borrower(
        project=f"p{number}",
        position=draw(st.none() | st.integers(1, 4)),
        models=draw(st.sampled_from([("h200",), ("h200", "b200"), ("b200",), ()])),
        asked=draw(st.integers(1, 20)),
        borrowed=draw(st.integers(0, 60)),
        taken_back_at=None if ago is None else NOW - timedelta(seconds=ago),
        take_backs=draw(st.integers(0, 5)),
        taken_back_pool=draw(st.none() | st.sampled_from(POOLS)),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> LendingSnapshot:
    count = draw(st.integers(0, 5))
    pools = tuple(
        PoolState(pool=name, model=draw(MODELS), accelerators=draw(st.integers(0, 24)))
        for name in POOLS[: draw(st.integers(0, 3))]
    )
    pairs = st.tuples(st.sampled_from([f"p{n}" for n in range(6)]), st.sampled_from(POOLS))
    return LendingSnapshot(
        pools=pools,
        borrowers=tuple(draw(borrowers(number)) for number in range(count)),
        lent=tuple(draw(st.lists(pairs, unique=True, max_size=6))),
    )


POLICIES = st.builds(
    Lending,
    enabled=st.sampled_from([True, True, True, False]),
    backoff_s=st.integers(0, 120),
    backoff_cap_s=st.integers(0, 600),
)


@settings(max_examples=300, deadline=None)
@given(snapshots(), POLICIES)
def test_every_plan_passes_the_check(snapshot: LendingSnapshot, policy: Lending) -> None:
    assert violations(snapshot, policy, plan(snapshot, policy, HEADER)) == ()


@settings(max_examples=100, deadline=None)
@given(snapshots(), POLICIES)
def test_the_order_of_facts_changes_nothing(snapshot: LendingSnapshot, policy: Lending) -> None:
    backwards = LendingSnapshot(
        pools=snapshot.pools[::-1],
        borrowers=snapshot.borrowers[::-1],
        lent=snapshot.lent[::-1],
    )
    assert plan(backwards, policy, HEADER) == plan(snapshot, policy, HEADER)


@settings(max_examples=300, deadline=None)
@given(snapshots(), POLICIES)
def test_planning_again_on_what_was_lent_changes_no_right(
    snapshot: LendingSnapshot, policy: Lending
) -> None:
    first = [i for i in plan(snapshot, policy, HEADER).intents if isinstance(i, Lend)]
    lent = tuple((i.project, i.pool) for i in first)
    again = plan(snapshot.model_copy(update={"lent": lent}), policy, HEADER)
    assert list(again.intents) == first
