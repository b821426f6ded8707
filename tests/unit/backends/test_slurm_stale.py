"""Limits that slurmctld does not obey are moved aside, so that the right ones are a change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dure.backends.slurm.objects import Limits, Objects, Qos
from dure.backends.slurm.reading import InForce
from dure.backends.slurm.stale import aside

numbers = st.none() | st.integers(0, 64)
limits = st.builds(
    lambda jobs, submitted, tres, minutes: Limits(
        jobs=jobs,
        submitted=submitted,
        tres=() if tres is None else (("gres/gpu", tres),),
        tres_minutes=() if minutes is None else (("gres/gpu", minutes),),
    ),
    numbers, numbers, numbers, numbers,
)  # fmt: skip


def objects(kept: Limits) -> Objects:
    return Objects(qos={"g-a": Qos(name="g-a", description="", priority=1000, limits=kept)})


def each(of: Limits) -> tuple[object, ...]:
    return of.jobs, of.submitted, of.tres, of.tres_minutes


@given(limits, limits)
def test_what_is_not_obeyed_is_moved_and_nothing_else(kept: Limits, obeyed: Limits) -> None:
    found = aside(objects(kept), {"g-a": InForce(obeyed, 1000)}).qos["g-a"].limits
    for before, there, after in zip(each(kept), each(obeyed), each(found), strict=True):
        assert (after == before) == (before == there)


@given(limits)
def test_where_all_is_obeyed_or_the_qos_is_unknown_nothing_is_moved(kept: Limits) -> None:
    have = objects(kept)
    assert aside(have, {"g-a": InForce(kept, 1000)}) is have
    assert aside(have, {}) is have
