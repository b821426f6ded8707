"""How guaranteed and lent jobs share a pool. `site` has four accelerators."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from dure.backends.contract import JobRefused, RemoveBinding, RemoveLent, UnknownJob

if TYPE_CHECKING:
    from tests.contract.engines import Driver


def test_a_gang_starts_whole_or_not_at_all(site: Driver) -> None:
    site.bind("A", 4)
    first = site.owner("A", 3, short=True)
    site.until(first, "running")
    second = site.owner("A", 2)
    site.settle()
    waiting = site.status(second)
    assert waiting.state == "pending"
    assert waiting.started is None
    site.finish_short()
    assert site.until(first).state == "completed"
    site.until(second, "running")


def test_an_owner_within_the_guarantee_takes_back_what_was_lent(site: Driver) -> None:
    site.bind("A", 2)
    site.lend("B")
    lent = site.borrow("B", 4)
    site.until(lent, "running")
    owner = site.owner("A", 2)
    site.until(owner, "running")
    assert site.state(lent) == "pending"


def test_preempted_lent_work_waits_and_is_completed_in_a_later_attempt(site: Driver) -> None:
    site.bind("A", 4)
    site.lend("B")
    lent = site.borrow("B", 2, short=True)
    site.until(lent, "running")
    owner = site.owner("A", 4, short=True)
    site.until(owner, "running")
    assert site.until(lent, "pending").attempt == 2
    site.finish_short()
    site.until(owner, "completed")
    site.until(lent, "running")
    site.finish_short()
    done = site.until(lent)
    assert (done.state, done.attempt) == ("completed", 2)


def test_beyond_the_guarantee_an_owner_waits_and_preempts_nobody(site: Driver) -> None:
    site.bind("A", 2)
    site.lend("B")
    within = site.owner("A", 2)
    site.until(within, "running")
    lent = site.borrow("B", 1)
    site.until(lent, "running")
    beyond = site.owner("A", 1)  # one accelerator is even idle
    site.settle()
    waiting = site.status(beyond)
    assert waiting.state == "pending"
    assert waiting.waits is not None
    assert waiting.waits.code == "job.over_guarantee"
    assert site.status(lent).attempt == 1
    assert site.state(lent) == "running"


def test_the_fewest_lent_jobs_give_way_and_of_those_the_youngest(site: Driver) -> None:
    site.bind("A", 2)
    site.lend("B")
    lent = []
    for _ in range(4):
        lent.append(site.borrow("B", 1))
        site.until(lent[-1], "running")
        site.elapse(1)
    owner = site.owner("A", 2)
    site.until(owner, "running")
    assert [site.state(job) for job in lent] == ["running", "running", "pending", "pending"]


def test_what_is_freed_for_an_owner_is_not_lent_again(site: Driver) -> None:
    site.bind("A", 4)
    site.lend("B")
    lent = [site.borrow("B", 2), site.borrow("B", 2)]
    for job in lent:
        site.until(job, "running")
    owner = site.owner("A", 4)
    site.until(owner, "running")
    site.settle()
    assert [site.status(job).attempt for job in lent] == [2, 2]
    assert {site.state(job) for job in lent} == {"pending"}


def test_lent_work_runs_on_idle_capacity_in_the_order_of_the_shares(site: Driver) -> None:
    site.bind("A", 4)
    site.lend("last", order=2)
    site.lend("first", order=1)
    owner = site.owner("A", 4, short=True)
    site.until(owner, "running")
    last, first = site.borrow("last", 3), site.borrow("first", 3)
    site.settle()
    assert site.state(last) == site.state(first) == "pending"
    site.finish_short()
    site.until(first, "running")
    assert site.state(last) == "pending"


def test_a_project_borrows_no_more_than_its_share(site: Driver) -> None:
    site.lend("B", most=2)
    jobs = [site.borrow("B", 2), site.borrow("B", 1)]
    site.until(jobs[0], "running")
    site.settle()
    assert site.state(jobs[1]) == "pending"


def test_a_share_that_is_taken_away_preempts_its_jobs(site: Driver) -> None:
    site.lend("B")
    job = site.borrow("B", 2)
    site.until(job, "running")
    site.engine.apply(RemoveLent(project="B", pool="pool"))
    waiting = site.until(job, "pending")
    assert waiting.attempt == 2
    site.lend("B")
    site.until(job, "running")


def test_a_lowered_share_gives_back_only_what_is_beyond_it(site: Driver) -> None:
    site.lend("B")
    older, younger = site.borrow("B", 2), site.borrow("B", 2)
    site.until(older, "running")
    site.until(younger, "running")
    site.lend("B", most=3)
    site.until(younger, "pending")
    site.settle()
    assert site.status(older).attempt == 1
    assert site.state(older) == "running"


def test_lowering_a_binding_ends_no_job_and_starts_none_beyond_it(site: Driver) -> None:
    site.bind("A", 4)
    job = site.owner("A", 3)
    site.until(job, "running")
    site.bind("A", 2, generation=2)
    later = site.owner("A", 1)
    site.settle()
    assert site.state(job) == "running"
    assert site.state(later) == "pending"


def test_what_runs_beyond_a_lowered_binding_gives_way_to_another_guarantee(site: Driver) -> None:
    site.bind("A", 4)
    older, younger = site.owner("A", 2), site.owner("A", 2)
    site.until(younger, "running")
    site.bind("A", 2, generation=2)
    site.bind("B", 2)
    other = site.owner("B", 2)
    site.until(other, "running")
    assert sorted([site.state(older), site.state(younger)]) == ["pending", "running"]


@pytest.mark.parametrize("state", ["frozen", "draining"])
def test_a_frozen_or_draining_binding_starts_nothing_new(site: Driver, state: str) -> None:
    site.bind("A", 2)
    running, waiting = site.owner("A", 1), site.owner("A", 2)
    site.until(running, "running")
    site.bind("A", 2, state="frozen" if state == "frozen" else "draining", generation=2)
    with pytest.raises(JobRefused, match=state):
        site.owner("A", 1)
    site.settle()
    assert site.state(running) == "running"
    site.engine.cancel(running)
    site.until(running)
    site.settle()
    assert site.state(waiting) == "pending"
    site.bind("A", 2, generation=3)
    site.until(waiting, "running")


def test_ending_a_binding_ends_its_jobs_with_grace(site: Driver) -> None:
    site.bind("A", 2)
    job = site.owner("A", 2)
    site.until(job, "running")
    site.bind("A", 2, state="ended", generation=2)
    assert site.until(job).state == "cancelled"


def test_removing_a_binding_ends_its_jobs(site: Driver) -> None:
    site.bind("A", 2)
    job = site.owner("A", 2)
    site.until(job, "running")
    site.engine.apply(RemoveBinding(allocation="A", pool="pool"))
    assert site.until(job).state == "cancelled"


def test_a_binding_ends_with_its_period(site: Driver) -> None:
    site.bind("A", 2, ends=site.now() + timedelta(seconds=3 * site.hour_s))
    job = site.owner("A", 2)
    site.until(job, "running")
    site.elapse(3 * site.hour_s)
    assert site.until(job).state == "cancelled"


def test_a_job_that_could_never_start_is_refused(site: Driver) -> None:
    site.bind("A", 2)
    site.lend("B", most=1)
    before = {job.job for job in site.engine.jobs()}  # what ended in the last minutes
    with pytest.raises(JobRefused, match="limit is 2"):
        site.owner("A", 3)
    with pytest.raises(JobRefused, match="no allocation"):
        site.owner("unknown", 1)
    with pytest.raises(JobRefused, match="no lent share"):
        site.borrow("unknown", 1)
    with pytest.raises(JobRefused, match="limit is 1"):
        site.borrow("B", 2)
    with pytest.raises(JobRefused, match="not of the project"):
        site.engine.submit(site.request(1, allocation="A", project="of another"))
    with pytest.raises(JobRefused, match="not a member"):
        site.engine.submit(site.request(1, allocation="A", username="stranger"))
    assert {job.job for job in site.engine.jobs()} <= before


def test_cancelling_ends_a_waiting_job_at_once_and_a_running_one_with_grace(site: Driver) -> None:
    site.bind("A", 2)
    running, waiting = site.owner("A", 2), site.owner("A", 2)
    site.until(running, "running")
    site.engine.cancel(waiting)
    assert site.state(waiting) == "cancelled"
    site.engine.cancel(running)
    site.engine.cancel(running)
    assert site.until(running).state == "cancelled"
    with pytest.raises(UnknownJob):
        site.engine.cancel("no such job")
