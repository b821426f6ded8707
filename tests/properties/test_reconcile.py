"""The diff, applied change by change to a model of a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from dure.backends.contract import (
    Change,
    Observed,
    RemoveBinding,
    RemoveLent,
    SetBinding,
    SetGrace,
    SetLent,
)
from dure.backends.reconcile import diff
from dure.protocol import Binding, Desired, LentShare

POOLS = st.sampled_from(["h100", "b200"])
JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))

bindings = st.lists(
    st.builds(
        Binding,
        allocation=st.sampled_from("ABCD"),
        project=st.sampled_from("PQ"),
        pool=POOLS,
        servers=st.integers(0, 9),
        accelerators=st.integers(0, 72),
        state=st.sampled_from(["active", "frozen", "draining", "ended"]),
        members=st.just(()),
        starts=st.sampled_from([JANUARY, FEBRUARY]),
        ends=st.sampled_from([FEBRUARY, MARCH]),
        generation=st.integers(0, 3),
        accelerator_seconds=st.none() | st.integers(0, 9),
    ),
    unique_by=lambda b: (b.allocation, b.pool),
    max_size=8,
).map(tuple)

shares = st.lists(
    st.builds(
        LentShare,
        project=st.sampled_from("PQRS"),
        pool=POOLS,
        order=st.integers(0, 3),
        max_accelerators=st.integers(0, 16),
        members=st.just(()),
    ),
    unique_by=lambda s: (s.project, s.pool),
    max_size=8,
).map(tuple)

states = st.builds(Observed, bindings=bindings, lent=shares, grace_s=st.integers(0, 60))
documents = st.builds(
    Desired,
    protocol=st.just("dure.site/1"),
    cluster=st.just("c"),
    revision=st.just(1),
    bindings=bindings,
    lent=shares,
    grace_s=st.integers(0, 60),
)


class Model:
    """A cluster that does exactly what it is told."""

    def __init__(self, state: Observed) -> None:
        self.bindings = {(b.allocation, b.pool): b for b in state.bindings}
        self.lent = {(s.project, s.pool): s for s in state.lent}
        self.grace_s = state.grace_s

    def apply(self, change: Change) -> None:
        match change:
            case SetBinding(binding=b):
                self.bindings[b.allocation, b.pool] = b
            case RemoveBinding():
                del self.bindings[change.allocation, change.pool]
            case SetLent(share=s):
                self.lent[s.project, s.pool] = s
            case RemoveLent():
                del self.lent[change.project, change.pool]
            case SetGrace():
                self.grace_s = change.grace_s

    def observed(self) -> Observed:
        return Observed(
            bindings=tuple(self.bindings[key] for key in sorted(self.bindings)),
            lent=tuple(self.lent[key] for key in sorted(self.lent)),
            grace_s=self.grace_s,
        )

    def promised(self) -> dict[str, Counter[tuple[str, datetime]]]:
        """By pool and month."""
        sums: dict[str, Counter[tuple[str, datetime]]] = {
            "servers": Counter(),
            "accelerators": Counter(),
            "budgets": Counter(),
        }
        for binding in self.bindings.values():
            for month in (JANUARY, FEBRUARY):
                if binding.state != "ended" and binding.starts <= month < binding.ends:
                    sums["servers"][binding.pool, month] += binding.servers
                    sums["accelerators"][binding.pool, month] += binding.accelerators
                    sums["budgets"][binding.pool, month] += _budget(binding)
        return sums


def _budget(binding: Binding) -> int:
    """None is more than any number; on no accelerator there is nothing to use up."""
    if not binding.accelerators:
        return 0
    return 10**6 if binding.accelerator_seconds is None else binding.accelerator_seconds


def _steps(desired: Desired, state: Observed) -> Iterator[Model]:
    model = Model(state)
    yield model
    for change in diff(desired, state):
        model.apply(change)
        yield model


@given(documents, states)
def test_the_changes_lead_to_the_desired_state_and_then_nothing_is_left(
    desired: Desired, state: Observed
) -> None:
    *_, last = _steps(desired, state)
    reached = last.observed()
    assert set(reached.bindings) == set(desired.bindings)
    assert set(reached.lent) == set(desired.lent)
    assert reached.grace_s == desired.grace_s
    assert diff(desired, reached) == ()


@given(documents, states)
def test_on_the_way_no_pool_promises_more_than_before_or_after(
    desired: Desired, state: Observed
) -> None:
    path = [model.promised() for model in _steps(desired, state)]
    for unit in ("servers", "accelerators", "budgets"):
        for when in product(("h100", "b200"), (JANUARY, FEBRUARY)):
            bound = max(path[0][unit][when], path[-1][unit][when])
            assert all(step[unit][when] <= bound for step in path)


@given(documents, states)
def test_only_objects_that_differ_are_named(desired: Desired, state: Observed) -> None:
    wanted = {(b.allocation, b.pool): b for b in desired.bindings}
    held = {(b.allocation, b.pool): b for b in state.bindings}
    for change in diff(desired, state):
        if isinstance(change, SetBinding):
            key = (change.binding.allocation, change.binding.pool)
            assert key in wanted
            assert wanted[key] != held.get(key)
        if isinstance(change, RemoveBinding):
            assert (change.allocation, change.pool) in held.keys() - wanted.keys()


@given(documents, bindings)
def test_objects_that_are_not_ours_are_never_touched(
    desired: Desired, foreign: tuple[Binding, ...]
) -> None:
    """The engine holds them beside ours; `observed` leaves them out, so no change names them."""
    ours = {(b.allocation, b.pool) for b in desired.bindings}
    strangers = {(b.allocation, b.pool): b for b in foreign}
    strangers = {key: b for key, b in strangers.items() if key not in ours}
    model = Model(Observed())
    model.bindings.update(strangers)
    for change in diff(desired, Observed()):
        model.apply(change)
    assert {key: model.bindings[key] for key in strangers} == strangers
    assert len(model.bindings) == len(strangers) + len(ours)


@given(states)
def test_equal_states_need_no_change(state: Observed) -> None:
    same = Desired(
        cluster="c", revision=1, bindings=state.bindings, lent=state.lent, grace_s=state.grace_s
    )
    assert diff(same, state) == ()
