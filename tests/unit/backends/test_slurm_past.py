"""What the keeper and the queue ask of Slurm, in which order, and what they do without slurmdbd."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.backends.test_slurm_jobs import HELD, POOL, SITE, request, row

from dure.backends.contract import UnableToApplyNow
from dure.backends.slurm import queue, submission
from dure.backends.slurm.handed import Handed, HandedIn
from dure.backends.slurm.held import Record
from dure.backends.slurm.jobs import REMEMBERED, Jobs
from dure.backends.slurm.keeper import Keeper
from dure.backends.slurm.tools import Said, Slurm
from dure.protocol import MemberAccess

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
LENT = (submission.account(request(8, lent=True), POOL), "lent")
OWN = (submission.account(request(8), POOL), submission.qos(request(8), POOL))


class Told(Slurm):
    """A Slurm that says what it is told to."""

    def __init__(self) -> None:
        super().__init__({"PATH": ""})
        self.queue: list[str] = []
        self.runs: list[str] = []
        self.away = False
        self.asked: list[tuple[str, ...]] = []
        self.done: list[tuple[str, ...]] = []

    def ask(self, *argv: str, timeout_s: float | None = None) -> str:  # noqa: ARG002  # as in Slurm
        self.asked.append(argv)
        if argv[0] == "sacct" and self.away:
            raise UnableToApplyNow("sacct: Connection refused")
        rows = self.runs if argv[0] == "sacct" else self.queue if argv[0] == "squeue" else []
        return "".join(f"{line}\n" for line in rows)

    def do(self, *argv: str, feed: str | None = None, timeout_s: float | None = None) -> Said:  # noqa: ARG002  # as in Slurm
        self.done.append(argv)
        return Said(0, "", "")

    def waits(self, job: str, *, restarts: int, whose: tuple[str, str], ago_s: int = 10) -> None:
        self.queue.append(
            row(
                job, job, "kim", *whose, "main", "PENDING", NOW_S - ago_s, NOW_S + 110, 0, 0,
                restarts, 0, "cpu=8,mem=1G,gres/gpu=8", "BeginTime",
            )
        )  # fmt: skip

    @property
    def looks_back(self) -> int:
        return sum(argv[0] == "sacct" for argv in self.asked)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def slurm() -> Told:
    return Told()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def jobs_of(slurm: Slurm, clock: Clock, folder: Path) -> Jobs:
    record = Record(folder)
    record.keep(HELD)
    return Jobs(slurm=slurm, site=SITE, record=record, clock=clock, folder=folder)


def handed_in(folder: Path, job: str, *, ago: timedelta) -> None:
    jobs = HandedIn(folder / "jobs")
    jobs.keep(
        Handed(token=f"t{job}", request=request(8), submitted=NOW - ago, folder="/x", job=job)
    )


def records(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "jobs").iterdir())


def test_a_job_handed_in_long_ago_that_ended_while_nobody_looked_is_told_with_its_end(
    slurm: Told, clock: Clock, tmp_path: Path
) -> None:
    handed_in(tmp_path, "7", ago=timedelta(days=40))
    slurm.runs = [f"7|COMPLETED|{NOW_S - 40 * 86_400}|{NOW_S - 20 * 86_400}|0:0"]
    jobs = jobs_of(slurm, clock, tmp_path)
    assert [one.state for one in jobs.jobs()] == ["completed"]
    assert jobs.jobs() == ()  # that was told, and is old
    assert records(tmp_path) == []


def test_what_ended_a_moment_ago_is_listed_for_days_however_old_it_is(
    slurm: Told, clock: Clock, tmp_path: Path
) -> None:
    handed_in(tmp_path, "7", ago=timedelta(days=40))
    slurm.runs = [f"7|COMPLETED|{NOW_S - 40 * 86_400}|{NOW_S - 60}|0:0"]
    jobs = jobs_of(slurm, clock, tmp_path)
    assert [one.state for one in (*jobs.jobs(), *jobs.jobs())] == ["completed"] * 2
    assert slurm.looks_back == 1
    clock.now += REMEMBERED
    assert jobs.jobs() == ()


def test_what_nobody_knows_any_more_is_said_to_have_failed_and_forgotten_in_the_end(
    slurm: Told, clock: Clock, tmp_path: Path
) -> None:
    handed_in(tmp_path, "7", ago=timedelta(days=40))
    assert [one.state for one in jobs_of(slurm, clock, tmp_path).jobs()] == ["failed"]
    clock.now += REMEMBERED
    later = jobs_of(slurm, clock, tmp_path)  # the agent was started anew
    assert [one.state for one in later.jobs()] == ["failed"]
    assert later.jobs() == ()
    assert records(tmp_path) == []


def test_while_slurmdbd_is_away_no_job_is_lost_and_the_others_are_listed(
    slurm: Told, clock: Clock, tmp_path: Path
) -> None:
    handed_in(tmp_path, "7", ago=timedelta(hours=1))
    slurm.waits("8", restarts=1, whose=OWN)
    slurm.away = True
    jobs = jobs_of(slurm, clock, tmp_path)
    found = {one.job: one.state for one in jobs.jobs()}
    assert found == {"7": "stopping", "8": "pending"}
    slurm.away = False
    slurm.runs = [f"7|FAILED|{NOW_S - 40}|{NOW_S - 20}|1:0", f"8|PREEMPTED|{NOW_S - 9}|{NOW_S}|0:0"]
    ended, waiting = jobs.jobs()
    assert (ended.state, ended.exit_code) == ("failed", 1)
    assert waiting.started == NOW - timedelta(seconds=9)


def test_many_jobs_that_wait_again_are_one_question_and_what_is_known_is_not_asked_twice(
    slurm: Told, clock: Clock, tmp_path: Path
) -> None:
    for job in ("1", "2", "3"):
        slurm.waits(job, restarts=1, whose=OWN)
        slurm.runs.append(f"{job}|PREEMPTED|{NOW_S - 30}|{NOW_S - 10}|0:0")
    slurm.runs.pop()  # slurmdbd has not heard of the third yet
    jobs = jobs_of(slurm, clock, tmp_path)
    assert [one.started is None for one in jobs.jobs()] == [False, False, True]
    assert slurm.looks_back == 1
    slurm.runs = [f"3|NODE_FAIL|{NOW_S - 20}|{NOW_S - 10}|0:0"]
    assert [one.started is None for one in jobs.jobs()] == [False, False, False]
    asked = [argv[argv.index("-j") + 1] for argv in slurm.asked if argv[0] == "sacct"]
    assert asked == ["1,2,3", "3"]


def lent_again(jobs: Jobs) -> dict[str, int]:
    found = jobs.live()
    return jobs.take_backs(found, queue.standing(found, HELD, SITE))


def test_only_runs_that_slurm_took_back_are_take_backs(
    slurm: Told, clock: Clock, tmp_path: Path
) -> None:
    slurm.waits("1", restarts=2, whose=LENT)
    slurm.waits("2", restarts=9, whose=OWN)
    jobs = jobs_of(slurm, clock, tmp_path)
    assert lent_again(jobs) == {}
    assert slurm.looks_back == 0  # nobody's count is needed
    slurm.waits("3", restarts=4, whose=LENT)
    slurm.runs = [f"3|PREEMPTED|{NOW_S - 99}|{NOW_S - 90}|0:0"]
    assert lent_again(jobs) == {}  # the last three are not told yet
    ends = ("REQUEUED", "NODE_FAIL", "PREEMPTED")
    slurm.runs += [
        f"3|{end}|{NOW_S - 80 + at}|{NOW_S - 70 + at}|0:0" for at, end in enumerate(ends)
    ]
    assert lent_again(jobs) == lent_again(jobs) == {"3": 2}
    assert slurm.looks_back == 2


def test_a_run_whose_start_slurmdbd_did_not_keep_was_taken_back_all_the_same(
    slurm: Told, clock: Clock, tmp_path: Path
) -> None:
    slurm.waits("3", restarts=3, whose=LENT)
    slurm.runs = [f"3|PREEMPTED|{start}|{NOW_S - 70}|0:0" for start in ("None", NOW_S - 75, 0)]
    assert lent_again(jobs_of(slurm, clock, tmp_path)) == {"3": 3}


def test_runs_that_slurmdbd_never_heard_of_are_not_waited_for(
    slurm: Told, clock: Clock, tmp_path: Path
) -> None:
    slurm.waits("3", restarts=4, ago_s=60, whose=LENT)
    slurm.runs = [f"3|PREEMPTED|{NOW_S - 99}|{NOW_S - 90}|0:0"]
    assert lent_again(jobs_of(slurm, clock, tmp_path)) == {"3": 1}


def test_a_slurmdbd_that_is_away_is_left_alone_for_a_minute(
    slurm: Told, clock: Clock, tmp_path: Path
) -> None:
    slurm.waits("3", restarts=4, whose=LENT)
    slurm.away = True
    jobs = jobs_of(slurm, clock, tmp_path)
    assert [lent_again(jobs), lent_again(jobs), slurm.looks_back] == [{}, {}, 1]
    clock.now += timedelta(minutes=1)
    lent_again(jobs)
    assert slurm.looks_back == 2


class Joining(Told):
    """A member is added, and hands a job in, while squeue is on its way."""

    record: Record

    def ask(self, *argv: str, timeout_s: float | None = None) -> str:
        if argv[0] == "squeue" and not self.queue:
            (binding,) = self.record.current.bindings
            kim = binding.model_copy(update={"members": (MemberAccess(username="kim"),)})
            self.record.keep(self.record.current.model_copy(update={"bindings": (kim,)}))
            self.waits("1", restarts=0, whose=OWN)
        return super().ask(*argv, timeout_s=timeout_s)


@pytest.fixture
def keeper(clock: Clock, tmp_path: Path) -> Iterator[Keeper]:
    slurm, record = Joining(), Record(tmp_path)
    record.keep(HELD)
    slurm.record = record
    made = Keeper(
        slurm=slurm, site=SITE, record=record, clock=clock, folder=tmp_path, refresh=lambda: None
    )
    yield made
    made.close()
    assert slurm.queue
    assert slurm.done == []


def test_who_became_a_member_during_a_look_is_not_judged_by_the_record_before_it(
    keeper: Keeper,
) -> None:
    keeper.look()
