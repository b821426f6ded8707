"""What is to happen to jobs beyond what Slurm does by itself, situation by situation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import bindings

from dure.backends.slurm.stewardship import (
    Cancel,
    Entitlements,
    Postpone,
    Release,
    Requeue,
    Standing,
    Stewardship,
    back_off_s,
    steward,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
MEMBERS = bindings.members("kim")
DAY = timedelta(days=1)


binding = partial(bindings.binding, now=NOW, members=MEMBERS)
share = partial(bindings.share, members=MEMBERS)


def owner(job: str, allocation: str, accelerators: int, state: str, **more: Any) -> Standing:
    return _job(job, f"of {allocation}", allocation, accelerators, state, **more)


def lent(job: str, project: str, accelerators: int, state: str, **more: Any) -> Standing:
    return _job(job, project, None, accelerators, state, **more)


def _job(
    job: str, project: str, allocation: str | None, accelerators: int, state: str, **more: Any
) -> Standing:
    return Standing(
        **{
            "job": job,
            "username": "kim",
            "project": project,
            "allocation": allocation,
            "pool": "pool",
            "accelerators": accelerators,
            "state": state,
            "since_s": NOW_S - 1000 + int(job),
            "waits_for": "Resources" if state == "pending" else "None",
            **more,
        }
    )


def decided(
    jobs: Iterable[Standing],
    *,
    idle: int = 0,
    take_backs: dict[str, int] | None = None,
    **held: Any,
) -> Stewardship:
    """Every restart is a take-back where nothing is said of them."""
    found = list(jobs)
    counts = {job.job: job.restarts for job in found} if take_backs is None else take_backs
    return steward(
        now=NOW, jobs=found, held=Entitlements(**held), idle={"pool": idle}, take_backs=counts
    )


def acts(jobs: Iterable[Standing], **situation: Any) -> list[tuple[str, str]]:
    return [(type(a).__name__, a.job) for a in decided(jobs, **situation).acts]


def test_where_all_is_as_it_should_be_nothing_is_done_and_nobody_hurries() -> None:
    jobs = [owner("1", "A", 8, "running"), lent("2", "L", 8, "running")]
    found = decided(jobs, bindings=(binding("A", 8),), shares=(share("L", 8),))
    assert found.acts == ()
    assert found.look_again_s == DAY.total_seconds()  # when the binding ends


@pytest.mark.parametrize("state", ["pending", "running"])
@pytest.mark.parametrize(
    "over",
    [
        {"bindings": (binding("A", 8, state="ended"),)},
        {"bindings": (binding("A", 8, starts=NOW - 2 * DAY, ends=NOW),)},
        {"gone": frozenset({("A", "pool")})},
    ],
    ids=["ended", "out of its period", "removed"],
)
def test_what_lost_its_binding_is_cancelled(over: dict[str, Any], state: str) -> None:
    assert acts([owner("1", "A", 8, state)], **over) == [("Cancel", "1")]


def test_what_nobody_knows_is_left_alone() -> None:
    """The record was lost, the hub's word is not here yet: no job dies of it."""
    assert acts([owner("1", "A", 8, "running"), lent("2", "L", 8, "running")]) == []


def test_a_job_that_waits_for_its_allocation_to_begin_waits_on() -> None:
    later = binding("A", 8, starts=NOW + DAY, ends=NOW + 2 * DAY)
    assert acts([owner("1", "A", 8, "pending")], bindings=(later,)) == []
    assert acts([owner("1", "A", 8, "running")], bindings=(later,)) == [("Cancel", "1")]


def test_a_frozen_or_draining_binding_keeps_what_runs() -> None:
    for state in ("frozen", "draining"):
        held = (binding("A", 8, state=state),)
        assert acts([owner("1", "A", 8, "running")], bindings=held) == []


def test_who_is_no_member_any_more_leaves_with_all_jobs() -> None:
    jobs = [
        owner("1", "A", 1, "running", username="lee"),
        owner("2", "A", 1, "pending", username="KIM"),
        lent("3", "L", 1, "running", username="lee"),
        lent("4", "L", 1, "running"),
    ]
    found = acts(jobs, bindings=(binding("A", 8),), shares=(share("L", 8),))
    assert found == [("Cancel", "1"), ("Cancel", "3")]


@pytest.mark.parametrize("printed", ["", "nobody", "1000123", "4294967294"])
def test_whom_this_host_cannot_name_is_not_judged(printed: str) -> None:
    """The directory is away for a minute: nobody's job dies of it."""
    jobs = [
        owner("1", "A", 1, "running", username=printed),
        lent("2", "L", 1, "pending", username=printed),
        owner("3", "A", 1, "running", username="lee"),
    ]
    held = {"bindings": (binding("A", 8),), "shares": (share("L", 8),)}
    assert acts(jobs, **held) == [("Cancel", "3")]
    ended = {**held, "bindings": (binding("A", 8, state="ended"),)}
    assert acts(jobs, **ended) == [("Cancel", "1"), ("Cancel", "3")]  # its allocation is over


def test_a_lowered_share_gives_up_only_what_is_beyond_it_and_the_youngest() -> None:
    jobs = [lent(str(n), "L", 2, "running") for n in (1, 2, 3)]
    assert acts(jobs, shares=(share("L", 4),)) == [("Requeue", "3")]
    after = [*jobs[:2], lent("3", "L", 2, "stopping")]
    assert acts(after, shares=(share("L", 4),)) == []  # it is on its way; no second one goes


def test_a_share_that_is_gone_stops_what_runs_and_leaves_what_waits() -> None:
    jobs = [lent("1", "L", 2, "running"), lent("2", "L", 2, "pending")]
    assert acts(jobs, withdrawn=frozenset({("L", "pool")})) == [("Requeue", "1")]


def test_beyond_a_lowered_binding_a_job_runs_on_until_another_guarantee_needs_the_room() -> None:
    jobs = [owner("1", "A", 4, "running"), owner("2", "A", 4, "running")]
    held = (binding("A", 4), binding("B", 4))
    assert acts(jobs, bindings=held) == []
    need = owner("3", "B", 4, "pending")
    assert acts([*jobs, need], bindings=held) == [("Requeue", "2")]
    assert acts([*jobs, need], idle=4, bindings=held) == []
    assert acts([*jobs, lent("4", "L", 4, "running"), need], bindings=held) == []  # Slurm's to take
    assert acts([*jobs, lent("4", "L", 2, "stopping"), need], idle=2, bindings=held) == []


def test_nobody_gives_way_where_it_would_not_suffice() -> None:
    jobs = [
        owner("1", "A", 4, "running"),
        owner("2", "C", 4, "running"),
        owner("3", "B", 8, "pending"),
    ]
    held = (binding("A", 2), binding("B", 8), binding("C", 4))
    assert acts(jobs, bindings=held) == []


@pytest.mark.parametrize(
    "waiting",
    [
        owner("3", "B", 5, "pending"),  # beyond its own guarantee
        owner("3", "B", 4, "pending", waits_for="QOSGrpGRES"),
        owner("3", "B", 4, "pending", waits_for="Dependency"),
        owner("3", "B", 4, "pending", waits_for="JobHeldUser"),
    ],
    ids=["beyond", "limit", "dependency", "held"],
)
def test_who_cannot_start_anyway_makes_nobody_give_way(waiting: Standing) -> None:
    jobs = [owner("1", "A", 8, "running"), waiting]
    assert acts(jobs, bindings=(binding("A", 4), binding("B", 4))) == []


def _again(job: str, accelerators: int, **more: Any) -> Standing:
    """A lent job that was taken back ten seconds ago."""
    again = {"since_s": NOW_S - 10, "begins_s": NOW_S + 110, "waits_for": "BeginTime"}
    return lent(job, "L", accelerators, "pending", **{"restarts": 1, **again, **more})


def test_a_requeued_job_starts_again_as_soon_as_there_is_room() -> None:
    shares = (share("L", 64),)
    assert acts([_again("1", 8)], idle=4, shares=shares) == []
    assert acts([_again("1", 8)], idle=8, shares=shares) == [("Release", "1")]
    two = [_again("1", 8), _again("2", 8)]
    assert acts(two, idle=8, shares=shares) == [("Release", "1")]


def test_the_room_that_a_waiting_owner_needs_is_not_given_back_to_lent_work() -> None:
    jobs = [_again("1", 8), owner("2", "A", 8, "pending")]
    held = {"bindings": (binding("A", 8),), "shares": (share("L", 64),)}
    assert acts(jobs, idle=8, **held) == []
    assert acts(jobs, idle=16, **held) == [("Release", "1")]


def test_the_room_goes_to_the_lent_jobs_in_the_order_of_their_shares() -> None:
    first = replace(_again("2", 8), project="first")
    shares = (share("L", 64, order=2), share("first", 64, order=1))
    assert acts([_again("1", 8), first], idle=8, shares=shares) == [("Release", "2")]


def test_an_owners_job_that_had_to_give_way_is_eligible_at_once() -> None:
    again = {"restarts": 1, "since_s": NOW_S - 20, "begins_s": NOW_S + 100}
    job = owner("1", "A", 8, "pending", waits_for="BeginTime", **again)
    assert acts([job], bindings=(binding("A", 8),)) == [("Release", "1")]


def test_what_a_user_put_off_is_not_started_early() -> None:
    assert acts([_again("1", 8, restarts=0)], idle=64, shares=(share("L", 64),)) == []


def test_what_a_user_put_off_after_a_requeue_is_not_started_early() -> None:
    for since_s, begins_s in ((NOW_S - 10, NOW_S + 3600), (NOW_S - 3600, NOW_S + 60)):
        put_off = _again("1", 8, since_s=since_s, begins_s=begins_s)
        found = decided([put_off], idle=64, shares=(share("L", 64),))
        assert found == Stewardship(acts=(), look_again_s=None)


def test_only_what_slurm_took_back_stays_out_of_the_way() -> None:
    """Four restarts: nodes that failed, or the user's own."""
    again = _again("1", 8, restarts=4)
    situation: dict[str, Any] = {"idle": 64, "shares": (share("L", 64),)}
    assert acts([again], take_backs={"1": 2}, **situation) == [("Release", "1")]
    found = decided([again], take_backs={"1": 3}, **situation)
    assert (found.acts, found.look_again_s) == ((), 50)  # begins_s is later than that already


def test_until_it_is_known_who_took_it_back_it_waits_a_minute_at_most() -> None:
    situation: dict[str, Any] = {"idle": 64, "shares": (share("L", 64),), "take_backs": {}}
    slow = _again("1", 8, restarts=3)
    assert acts([slow], **situation) == []  # Slurm's own delay is longer
    quick = _again("1", 8, restarts=3, begins_s=NOW_S + 1)
    found = decided([quick], **situation)
    assert (found.acts, found.look_again_s) == ((Postpone("1", NOW_S + 50),), 1)
    never = _again("1", 8, restarts=3, since_s=NOW_S - 60, begins_s=NOW_S + 60)
    assert decided([never], **situation).acts == (Release("1", NOW_S),)


def test_no_job_starts_again_in_the_second_in_which_it_was_stopped() -> None:
    """Its nodes would take its new credential for the old one, and Slurm would end it for good."""
    situation: dict[str, Any] = {"idle": 64, "shares": (share("L", 64),)}
    now = _again("1", 8, since_s=NOW_S)
    found = decided([now], **situation)
    assert (found.acts, found.look_again_s) == ((), 1)
    before = _again("1", 8, since_s=NOW_S - 1)
    assert decided([before], **situation).acts == (Release("1", NOW_S),)
    eligible = _again("1", 8, since_s=NOW_S, begins_s=NOW_S)  # somebody else let it start
    assert decided([eligible], **situation).acts == (Postpone("1", NOW_S + 1),)


@pytest.mark.parametrize(
    ("restarts", "seconds"), [(0, 0), (1, 0), (2, 0), (3, 60), (4, 120), (5, 240), (99, 3600)]
)
def test_back_off_begins_with_the_third_time_and_doubles_up_to_an_hour(
    restarts: int, seconds: int
) -> None:
    assert back_off_s(restarts, first_s=60) == seconds
    assert back_off_s(restarts, first_s=0) == 0


def test_a_job_that_is_taken_back_again_and_again_stays_out_of_the_way() -> None:
    early = _again("1", 8, restarts=4, begins_s=NOW_S + 1)
    found = decided([early], idle=64, shares=(share("L", 64),))
    assert found.acts == (Postpone("1", NOW_S + 110),)
    told = _again("1", 8, restarts=4, begins_s=NOW_S + 110)
    found = decided([told], idle=64, shares=(share("L", 64),))
    assert found.acts == ()
    assert found.look_again_s == 110
    over = _again("1", 8, restarts=4, since_s=NOW_S - 120, begins_s=NOW_S + 5)
    assert acts([over], idle=64, shares=(share("L", 64),)) == [("Release", "1")]


def test_something_on_its_way_is_looked_at_again_in_a_second() -> None:
    stopping = decided([lent("1", "L", 8, "stopping")], shares=(share("L", 8),))
    waiting = decided([_again("1", 8)], shares=(share("L", 8),))
    assert stopping.look_again_s == waiting.look_again_s == 1


names = st.sampled_from(["A", "B", "C"])
jobs_drawn = st.lists(
    st.tuples(
        st.sampled_from([None, "A", "B", "C"]),
        st.integers(1, 8),
        st.sampled_from(["pending", "running", "stopping"]),
        st.integers(0, 4),
    ),
    max_size=10,
)


@given(
    drawn=jobs_drawn,
    numbers=st.dictionaries(names, st.integers(0, 16), max_size=3),
    most=st.integers(0, 16),
    idle=st.integers(0, 16),
)
def test_whatever_stands_each_job_is_told_one_thing_and_the_order_of_the_rows_is_nothing(
    drawn: list[tuple[str | None, int, str, int]], numbers: dict[str, int], most: int, idle: int
) -> None:
    jobs = [
        _job(
            str(n), allocation or "L", allocation, size, state,
            restarts=restarts, begins_s=NOW_S + 9 if restarts else 0,
        )
        for n, (allocation, size, state, restarts) in enumerate(drawn, start=1)
    ]  # fmt: skip
    held: dict[str, Any] = {
        "bindings": tuple(binding(a, size) for a, size in numbers.items()),
        "shares": (share("L", most),),
    }
    found = decided(jobs, idle=idle, **held)
    assert found == decided(list(reversed(jobs)), idle=idle, **held)
    told = [act.job for act in found.acts]
    assert len(set(told)) == len(told)
    by_name = {job.job: job for job in jobs}
    for act in found.acts:
        job = by_name[act.job]
        assert job.state != "stopping"
        match act:
            case Cancel():
                raise AssertionError("everybody is a member and every binding is in force")
            case Requeue():
                assert job.state == "running"
            case Release() | Postpone():
                assert job.state == "pending"
                assert job.restarts
    left = sum(
        job.accelerators
        for job in jobs
        if job.allocation is None and job.state == "running" and job.job not in told
    )
    assert left <= most
