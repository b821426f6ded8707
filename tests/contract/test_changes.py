"""What `apply` and `observed` promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dure.backends.contract import (
    Change,
    ChangeRefused,
    RemoveBinding,
    RemoveLent,
    SetBinding,
    SetGrace,
    SetLent,
)
from dure.backends.reconcile import diff
from dure.protocol import Binding, Desired, LentShare

if TYPE_CHECKING:
    from tests.contract.engines import Driver


def _binding(site: Driver) -> Binding:
    return site.engine.observed().bindings[0]


def test_what_was_applied_is_observed_as_it_was_said(site: Driver) -> None:
    site.bind("A", 2)
    site.lend("B", order=3, most=1)
    seen = site.engine.observed()
    assert [(b.allocation, b.accelerators, b.generation) for b in seen.bindings] == [("A", 2, 1)]
    assert [(s.project, s.order, s.max_accelerators) for s in seen.lent] == [("B", 3, 1)]
    assert seen.grace_s == 5


def test_applied_twice_is_applied_once(site: Driver) -> None:
    site.bind("A", 2)
    site.lend("B")
    changes: list[Change] = [
        SetBinding(binding=_binding(site).model_copy(update={"accelerators": 1, "generation": 2})),
        SetLent(share=LentShare(project="C", pool="pool", order=1, max_accelerators=1)),
        SetGrace(grace_s=7),
        RemoveLent(project="B", pool="pool"),
        RemoveBinding(allocation="A", pool="pool"),
    ]
    for change in changes:
        site.engine.apply(change)
        once = site.engine.observed()
        site.engine.apply(change)
        assert site.engine.observed() == once


def test_a_change_leaves_the_other_objects_as_they_were(site: Driver) -> None:
    site.bind("A", 2)
    site.bind("B", 1)
    job = site.owner("A", 2)
    site.until(job, "running")
    before = _binding(site)
    site.bind("B", 2, generation=2)
    site.engine.apply(RemoveBinding(allocation="B", pool="pool"))
    site.settle()
    assert site.engine.observed().bindings == (before,)
    assert site.state(job) == "running"


def test_a_late_actor_changes_nothing(site: Driver) -> None:
    site.bind("A", 2, generation=5)
    with pytest.raises(ChangeRefused, match="generation 5"):
        site.bind("A", 4, generation=4)
    assert _binding(site).accelerators == 2


def test_no_more_is_promised_than_the_pool_has(site: Driver) -> None:
    site.bind("A", 3)
    with pytest.raises(ChangeRefused, match="4 accelerators; 3 are promised"):
        site.bind("B", 2)
    assert len(site.engine.observed().bindings) == 1


def test_a_pool_the_engine_does_not_have_is_refused(site: Driver) -> None:
    with pytest.raises(ChangeRefused, match="elsewhere"):
        site.engine.apply(RemoveBinding(allocation="A", pool="elsewhere"))


def test_the_diff_brings_the_engine_to_the_desired_document(site: Driver) -> None:
    site.bind("A", 3)
    site.bind("B", 1)
    site.lend("C")
    a, b = site.engine.observed().bindings
    desired = Desired(
        cluster="c",
        revision=2,
        bindings=(
            a.model_copy(update={"accelerators": 1, "generation": 2}),
            b.model_copy(update={"accelerators": 3, "generation": 2}),
        ),
        lent=(LentShare(project="D", pool="pool", order=0, max_accelerators=2),),
        grace_s=9,
    )
    for change in diff(desired, site.engine.observed()):
        site.engine.apply(change)
    assert diff(desired, site.engine.observed()) == ()


def test_the_inventory_and_the_abilities_are_said(site: Driver) -> None:
    assert [(p.pool, p.accelerators) for p in site.engine.inventory()] == [("pool", 4)]
    able = site.engine.capabilities()
    assert able.enforces_limits
    assert able.preempts_lent
    assert able.requeues_lent
    assert able.grace_s == 5
