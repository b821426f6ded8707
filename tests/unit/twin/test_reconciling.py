"""Entitlements and lent shares reach the twin's sites as they reach a cluster's engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from tests.unit.twin import tiny

from dure.agent.reconciling import reconcile as as_an_agent_does
from dure.backends import reconcile
from dure.backends.contract import (
    Backend,
    Change,
    ChangeRefused,
    RemoveBinding,
    RemoveLent,
    SetBinding,
    SetGrace,
    SetLent,
)
from dure.protocol import Binding, Desired, LentShare
from dure.twin import control, desired, run
from dure.twin.policies import POLICIES
from dure.twin.site import Site

if TYPE_CHECKING:
    from dure.protocol.desired import AllocationState

START = tiny.set_(tiny.scenario()).start
JOBS = ((100, 3600, 8, 0), (200, 3600, 8, 1), (300, 3600, 8, 2))


def site(policy: str = "pool") -> Site:
    """The tiny play's pool as it begins: four nodes, nobody has a promise."""
    asked = tiny.scenario()
    place = tiny.set_(asked)
    return run._sites(asked, place, tiny.jobs(*JOBS), policy, 1)[0]


def bound(
    project: str, servers: int, *, state: AllocationState = "active", generation: int = 1,
    since_s: int = 0, until_s: int = 100 * tiny.DAY_S,
) -> Binding:  # fmt: skip
    return Binding(
        allocation=project,
        project=project,
        pool="a",
        servers=servers,
        accelerators=servers * 8,
        state=state,
        starts=desired.instant(START, since_s),
        ends=desired.instant(START, until_s),
        generation=generation,
    )


def right(project: str, *, most: int, pool: str = "a") -> LentShare:
    return LentShare(project=project, pool=pool, order=1, max_accelerators=most)


def document(*bindings: Binding, lent: tuple[LentShare, ...] = ()) -> Desired:
    return Desired(cluster="a", revision=1, bindings=bindings, lent=lent)


def make(one: Site, wanted: Desired) -> None:
    for change in reconcile.diff(wanted, one.observed()):
        one.apply(change)


def entitled(one: Site) -> list[int]:
    return [int(amount) for amount in one.world.accounts.entitled]


def starts(one: Site) -> list[int]:
    one.advance(1000)
    return [int(at_s) for at_s in one.world.state.start_s]


def test_a_play_whose_difference_is_broken_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tiny.measured("stewarded").owner_hours > 0
    monkeypatch.setattr(reconcile, "diff", lambda _desired, _observed: ())
    found = tiny.measured("stewarded")
    assert found.owner_hours == found.lent_hours == 0


def test_who_leaves_bindings_out_of_the_difference_changes_agent_and_twin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile, "_bindings", lambda _desired, _observed: ([], []))
    one = site()
    as_an_agent_does(cast("Backend", one), document(bound("busy", 2)))
    assert one.observed().bindings == ()
    assert tiny.measured("pool").owner_hours == 0


def test_an_agent_finds_no_drift_after_a_play() -> None:
    asked = tiny.scenario()
    place = tiny.set_(asked)
    played = run.play(asked, place, tiny.steady(), policy="stewarded", seed=1)
    steered = control.Control(
        setting=place,
        policy=POLICIES["stewarded"],
        rules=(),
        sites=played.sites,
        register=played.register,
    )
    wanted = desired.document(steered, 0, 12 * tiny.DAY_S - 6 * tiny.HOUR_S)
    done = as_an_agent_does(cast("Backend", played.sites[0]), wanted)
    assert wanted.revision > 1
    assert wanted.bindings
    assert wanted.lent
    assert (done.changes, done.failures, done.drift) == ((), (), ())


def test_what_says_the_same_is_the_same_document() -> None:
    asked = tiny.scenario()
    place = tiny.set_(asked)
    played = run.play(asked, place, tiny.steady(), policy="pool", seed=1)
    steered = control.Control(
        setting=place, policy=POLICIES["pool"], rules=(), sites=played.sites,
        register=played.register,
    )  # fmt: skip
    assert desired.document(steered, 0, 0) is desired.document(steered, 0, 0)


def test_applied_twice_is_applied_once() -> None:
    one = site()
    make(one, document(bound("busy", 2), lent=(right("next", most=9),)))
    changes: list[Change] = [
        SetBinding(binding=bound("busy", 1, generation=2)),
        SetLent(share=right("idle", most=4)),
        SetGrace(grace_s=7),
        RemoveLent(project="next", pool="a"),
        RemoveBinding(allocation="busy", pool="a"),
    ]
    for change in changes:
        one.apply(change)
        once = (one.observed(), entitled(one), one.world.accounts.lent_ceiling.tolist())
        one.apply(change)
        assert (one.observed(), entitled(one), one.world.accounts.lent_ceiling.tolist()) == once
    assert one.world.policy.grace_s == 7
    assert one.world.accounts.lent_ceiling.tolist() == [0, 4, 0, 0]


def test_reductions_come_first_or_the_pool_would_be_promised_twice() -> None:
    one = site()
    make(one, document(bound("busy", 3), bound("idle", 1)))
    swapped = document(bound("busy", 1, generation=2), bound("idle", 3, generation=2))
    changes = reconcile.diff(swapped, one.observed())
    with pytest.raises(ChangeRefused, match="32 accelerators; 24 are promised"):
        one.apply(changes[-1])
    for change in changes:
        one.apply(change)
    assert entitled(one) == [8, 24, 0, 0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (SetBinding(binding=bound("busy", 1)), "held at generation 5"),
        (SetBinding(binding=bound("idle", 3)), "8 are promised|16 are promised"),
        (SetBinding(binding=bound("nobody", 1)), "no project nobody"),
        (SetLent(share=right("idle", most=1, pool="b")), "there is no pool b here"),
    ],
)
def test_what_the_site_does_not_know_or_cannot_hold_changes_nothing(
    change: Change, why: str
) -> None:
    one = site()
    make(one, document(bound("busy", 2, generation=5)))
    before = one.observed()
    with pytest.raises(ChangeRefused, match=why):
        one.apply(change)
    assert one.observed() == before
    assert entitled(one) == [16, 0, 0, 0]


@pytest.mark.parametrize("state", ["frozen", "draining", "ended"])
def test_what_is_frozen_draining_or_ended_starts_nothing_new(state: AllocationState) -> None:
    one = site()
    make(one, document(bound("busy", 2, state=state), bound("idle", 2)))
    assert starts(one) == [-1, 200, -1]


def test_a_binding_counts_from_its_start_to_its_end() -> None:
    one = site()
    make(one, document(bound("busy", 2, since_s=500, until_s=800)))
    seen = []
    for until_s in (400, 500, 600, 800, 900):
        one.advance(until_s)
        seen.append(entitled(one)[0])
    assert seen == [0, 0, 16, 16, 0]
    assert one.entitlements == [(500, 0, 16), (800, 0, 0)]


def test_under_islands_nodes_move_to_who_is_bound() -> None:
    one = site("islands")
    make(one, document(bound("busy", 3)))
    one.advance(50)
    assert one.world.state.node_home.tolist() == [0, 0, 0, 3]
    make(one, document(bound("busy", 1, generation=2), bound("idle", 2)))
    one.advance(60)
    assert one.world.state.node_home.tolist() == [0, 1, 3, 1]  # what nobody had goes first


def test_lowering_ends_no_job_and_what_runs_beyond_is_lent() -> None:
    one = site()
    make(one, document(bound("busy", 1)))
    one.advance(1000)
    make(one, document())
    one.advance(1100)
    assert one.world.state.lent.tolist() == [8, 0, 0, 0]
    one.advance(10_000)
    assert one.world.state.end_s.tolist()[0] == 3700


def test_grace_is_the_documents() -> None:
    one = site()
    make(one, document().model_copy(update={"grace_s": 90}))
    assert one.world.policy.grace_s == 90
    assert one.observed().grace_s == 90


def test_one_may_begin_where_another_ends_though_a_third_spans_both() -> None:
    one = site()
    turn = 50 * tiny.DAY_S
    make(one, document(bound("busy", 2, until_s=turn), bound("idle", 2, since_s=turn)))
    make(
        one,
        document(bound("busy", 2, until_s=turn), bound("idle", 2, since_s=turn), bound("next", 2)),
    )
    assert len(one.observed().bindings) == 3
    with pytest.raises(ChangeRefused, match="32 are promised to others, 8 more do not fit"):
        one.apply(SetBinding(binding=bound("busy", 1, since_s=turn, generation=2)))
