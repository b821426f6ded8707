"""Routes of any places: complete, passed by the check, the same whatever the order of the facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dure.engine.checks.routing import violations
from dure.engine.routing import RANK, Estimate, Place, RoutingSnapshot, Wish, choose

NOW = datetime(2026, 3, 2, tzinfo=UTC)
MODELS = ("H200", "B200", "NPU")

counts = st.integers(0, 24)
instants = st.integers(-3, 30).map(lambda hours: NOW + timedelta(hours=hours))
estimates = st.builds(
    Estimate, accelerators=st.integers(1, 24), at=st.none() | st.just(NOW + timedelta(hours=1))
)
places = st.builds(
    Place,
    cluster=st.just("c"),
    pool=st.sampled_from("abcd"),
    model=st.sampled_from(MODELS),
    memory_gb=st.sampled_from((80, 141)),
    allocation=st.none() | st.sampled_from("xy"),
    limit=counts,
    in_use=counts,
    queued=counts,
    starts=st.none() | instants,
    ends=st.none() | instants,
    up=st.none() | counts,
    idle=st.none() | counts,
    heard=st.sampled_from((True, True, False)),
    take_back_bound_s=st.none() | st.just(1.5),
    estimates=st.lists(estimates, max_size=2).map(tuple),
)
wishes = st.builds(
    Wish,
    accelerators=st.integers(1, 16),
    models=st.lists(st.sampled_from(MODELS), unique=True, max_size=2).map(tuple),
    memory_gb=st.sampled_from((0, 100)),
    lent=st.sampled_from(("no", "also", "only")),
    time_limit_s=st.none() | st.just(7200),
)
snapshots = st.builds(
    RoutingSnapshot,
    wish=wishes,
    places=st.lists(places, max_size=6, unique_by=lambda one: (one.pool, one.allocation)).map(
        tuple
    ),
    now=st.just(NOW),
)


@given(snapshots)
def test_every_route_passes_the_check_and_is_in_the_order_of_its_starts(
    snapshot: RoutingSnapshot,
) -> None:
    made = choose(snapshot)
    assert violations(snapshot, made) == ()
    ranks = [RANK[one.start] for one in made.verdicts]
    assert ranks == sorted(ranks)
    for one in made.verdicts:
        passed_over = one is not made.verdicts[0] and one.start != "never"
        assert (one.why_not is not None) == passed_over
        assert (one.at is not None) == (one.start == "at")


@given(snapshots, st.randoms(use_true_random=False))
def test_the_order_of_the_places_changes_nothing(
    snapshot: RoutingSnapshot, shuffling: object
) -> None:
    mixed = list(snapshot.places)
    shuffling.shuffle(mixed)  # type: ignore[attr-defined]  # a random.Random
    assert choose(snapshot.model_copy(update={"places": tuple(mixed)})) == choose(snapshot)
