"""The waitlist: nobody ahead who fits is passed over, and the check misses no mutation."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from dure.engine.checks.waitlist import violations
from dure.engine.waitlist import (
    FreeCapacity,
    Promote,
    Stay,
    Waiting,
    WaitlistPlan,
    WaitlistSnapshot,
    plan,
)
from dure.vocabulary.plans import Header, Reason

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC))
models = st.sampled_from(["b200", "h200", "h100"])


@st.composite
def snapshots(draw: st.DrawFn) -> WaitlistSnapshot:
    queue = []
    for n in range(draw(st.integers(0, 6))):
        servers = draw(st.integers(1, 8))
        queue.append(
            Waiting(
                application=f"A{n}",
                position=draw(st.integers(1, 6)),
                models=tuple(draw(st.lists(models, max_size=3, unique=True))),
                servers=servers,
                minimum=draw(st.integers(1, servers)),
                sector="academia",
                organisation="두레",
            )
        )
    free = tuple(
        FreeCapacity(pool=f"p{n}", model=draw(models), servers=draw(st.integers(0, 9)))
        for n in range(draw(st.integers(0, 4)))
    )
    return WaitlistSnapshot(waiting=tuple(queue), free=free)


@given(snapshots())
def test_every_plan_passes_its_check(snapshot: WaitlistSnapshot) -> None:
    assert violations(snapshot, plan(snapshot, HEADER)) == ()


@given(snapshots())
def test_the_order_of_arrival_changes_nothing(snapshot: WaitlistSnapshot) -> None:
    turned = WaitlistSnapshot(waiting=snapshot.waiting[::-1], free=snapshot.free[::-1])
    assert plan(snapshot, HEADER) == plan(turned, HEADER)


@given(snapshots())
def test_nobody_who_stays_would_fit_into_what_was_left_at_their_turn(
    snapshot: WaitlistSnapshot,
) -> None:
    left = {f.pool: f.servers for f in snapshot.free}
    model = {f.pool: f.model for f in snapshot.free}
    waiting = {w.application: w for w in snapshot.waiting}
    for intent in plan(snapshot, HEADER).intents:
        asker = waiting[intent.application]
        fits = [p for p in left if model[p] in asker.models and left[p] >= asker.minimum]
        assert isinstance(intent, Promote) is bool(fits)
        if isinstance(intent, Promote):
            left[intent.pool] -= intent.servers
            assert left[intent.pool] >= 0


@given(snapshots(), st.data())
def test_the_check_sees_a_skipped_moved_cut_or_doubled_promotion(
    snapshot: WaitlistSnapshot, data: st.DataObject
) -> None:
    made = plan(snapshot, HEADER)
    promoted = [n for n, intent in enumerate(made.intents) if isinstance(intent, Promote)]
    if not promoted:
        return
    at = data.draw(st.sampled_from(promoted))
    chosen = made.intents[at]
    assert isinstance(chosen, Promote)
    stayed = Stay(application=chosen.application, reason=Reason(code="waitlist.no_pool"))
    mutants: list[tuple[Promote | Stay, ...]] = [
        (stayed,),
        (chosen.model_copy(update={"servers": chosen.servers - 1}),),
        (chosen.model_copy(update={"servers": 10}),),
        (chosen.model_copy(update={"pool": "elsewhere"}),),
        (chosen, chosen),
        (),
    ]
    for mutant in mutants:
        intents = (*made.intents[:at], *mutant, *made.intents[at + 1 :])
        assert violations(snapshot, _with(made, intents))


def test_the_check_sees_a_less_wanted_model_a_broken_room_and_an_untrue_reason() -> None:
    asker = Waiting(
        application="A1",
        position=1,
        models=("b200", "h200"),
        servers=2,
        minimum=2,
        sector="academia",
        organisation="두레",
    )
    free = tuple(
        FreeCapacity(pool=pool, model=model, servers=servers)
        for pool, model, servers in (("big", "b200", 8), ("fit", "b200", 2), ("sub", "h200", 2))
    )
    snapshot = WaitlistSnapshot(waiting=(asker,), free=free)
    made = plan(snapshot, HEADER)
    for pool, rule in (
        ("big", "waitlist.larger_room_broken"),
        ("sub", "waitlist.less_wanted_model"),
    ):
        moved = made.intents[0].model_copy(update={"pool": pool})
        assert {v.rule for v in violations(snapshot, _with(made, (moved,)))} == {rule}
    full = WaitlistSnapshot(waiting=(asker,), free=(free[0].model_copy(update={"servers": 1}),))
    stays = plan(full, HEADER)
    untrue = Reason(code="waitlist.too_large", params={"pool": "big", "short": 7, "minimum": 2})
    told = stays.intents[0].model_copy(update={"reason": untrue})
    assert [v.rule for v in violations(full, _with(stays, (told,)))] == ["waitlist.wrong_reason"]


def _with(made: WaitlistPlan, intents: tuple[Promote | Stay, ...]) -> WaitlistPlan:
    return made.model_copy(update={"intents": intents})
