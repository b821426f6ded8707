"""The twin's profile of Slurm 22.05 beside what a real one did with the same 306 jobs.

- Against a record; the real daemon comes with the Slurm lab.
- The bars are from what was seen, with some room. Slurm does not repeat itself either: a second
  more here or there changes who is taken back, and from then on who waits. So what Slurm's two
  plays are apart is the measure of what can be asked of the twin.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Final

import pytest
from tests.scenarios.slurm_plays import Apart, Played, apart, read, recorded, twin

from dure.twin.profiles import PROFILES

AT_ONCE: Final = ("grace-0-a", "grace-0-b")
AFTER_TEN: Final = ("grace-10-a", "grace-10-b")
SLURM: Final = PROFILES["slurm-22.05"]


def beside(play: str, *, grace_s: int) -> Apart:
    played = read(play)
    return apart(recorded(played), twin(played, grace_s=grace_s))


def twice(plays: tuple[str, str]) -> Apart:
    """Slurm beside itself."""
    one, other = (recorded(read(play)) for play in plays)
    return apart(one, other)


def returns(played: Played) -> list[int]:
    """Seconds from the end of a run that was cut short until the job may start again."""
    return [
        later.eligible_s - run.end_s
        for runs in played
        for run, later in pairwise(runs)
        if run.outcome == "PREEMPTED"
    ]


@pytest.mark.parametrize("play", AT_ONCE)
def test_jobs_start_in_the_order_and_after_the_waits_of_the_real_one(play: str) -> None:
    seen = beside(play, grace_s=0)
    assert seen.in_order > 0.97
    assert seen.median_s["guaranteed"] <= 2
    assert seen.p95_s["guaranteed"] <= 20
    assert seen.median_s["lent"] <= 3
    assert seen.p95_s["lent"] <= 100


@pytest.mark.parametrize("play", AT_ONCE)
def test_mean_waits_take_backs_and_the_last_end_are_those_of_the_real_one(play: str) -> None:
    seen = beside(play, grace_s=0)
    real, ours = seen.mean_wait_s["guaranteed"]
    assert abs(real - ours) <= 1
    real, ours = seen.mean_wait_s["lent"]
    assert abs(real - ours) <= 10
    assert 0.75 <= seen.taken[1] / seen.taken[0] <= 1.25
    assert 0.85 <= seen.victims[1] / seen.victims[0] <= 1.15
    assert abs(seen.end_s[0] - seen.end_s[1]) <= 30


@pytest.mark.parametrize("play", AFTER_TEN)
def test_with_a_grace_owners_wait_no_less_than_at_the_real_one(play: str) -> None:
    """Slurm ends a grace at its sweep each 30 s, now and then sooner; the twin at the sweep."""
    seen = beside(play, grace_s=10)
    assert seen.in_order > 0.94
    assert seen.median_s["guaranteed"] <= 8
    real, ours = seen.mean_wait_s["guaranteed"]
    assert real <= ours <= 1.5 * real
    assert abs(seen.taken[0] - seen.taken[1]) <= 5


@pytest.mark.parametrize(("plays", "grace_s"), [(AT_ONCE, 0), (AFTER_TEN, 10)])
def test_the_twin_is_about_as_near_to_slurm_as_slurm_to_itself(
    plays: tuple[str, str], grace_s: int
) -> None:
    itself = twice(plays)
    for play in plays:
        seen = beside(play, grace_s=grace_s)
        assert seen.in_order > itself.in_order - 0.015
        assert seen.p95_s["lent"] < 2 * itself.p95_s["lent"]


def test_who_is_taken_back_may_start_again_after_the_profiles_delay() -> None:
    delays = [delay for play in AT_ONCE + AFTER_TEN for delay in returns(read(play))]
    assert len(delays) > 100
    assert {*delays} <= {SLURM.requeue_delay_s, SLURM.requeue_delay_s + 1}


def test_only_lent_work_is_taken_back_and_all_of_it_is_done_in_the_end() -> None:
    for play in AT_ONCE + AFTER_TEN:
        for runs in read(play):
            assert all(run.kind == "lent" for run in runs[:-1])
            assert [run.outcome for run in runs[:-1]] == ["PREEMPTED"] * (len(runs) - 1)
            assert runs[-1].outcome in {"COMPLETED", "TIMEOUT"}
            assert runs[-1].end_s - runs[-1].start_s >= runs[-1].work_s


def test_a_twin_that_passes_nobody_over_would_be_far_off() -> None:
    played = read(AT_ONCE[0])
    strict = twin(played, grace_s=0, profile=replace(SLURM, passes_over=False))
    assert apart(recorded(played), strict).p95_s["guaranteed"] > 50
