"""Agents and hubs are killed with -9 at random: every second of use is counted exactly once.

Real processes throughout: the agent's command, the local engine's gangs, a hub on a socket with
its database in a file. Jobs leave marker files, so that what ran is known without the engine.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.answering import free_port
from tests.bindings import binding, members, share
from tests.site_processes import AGENT, SiteProcesses
from tests.unit.agent.site_hub import CLUSTER
from tests.waiting import eventually

from dure.agent import inspection, jobs_socket
from dure.agent.site import LocalConfig
from dure.backends.contract import JobRequest, JobStatus
from dure.backends.local.journal import Journal
from dure.protocol import Desired, JobOrder

pytestmark = pytest.mark.processes

LIVES = 7
MICROS = 1_000_000
WORK = 'echo "$DURE_ATTEMPT" >> "$MARKS/$DURE_JOB"; exec sleep "$LASTS"'


class World(SiteProcesses):
    """A site of the local engine, whose jobs leave marks."""

    def __init__(self, folder: Path) -> None:
        site = LocalConfig(
            pool="p", model="m", slots=4, segment_s=1, report_every_s=1, tend_every_s=0.05
        )
        super().__init__(folder, site, port=free_port())
        self.marks = folder / "marks"
        self.marks.mkdir()
        self.revision = 0

    def want_more(self, orders: tuple[JobOrder, ...] = ()) -> None:
        """Another revision: the binding and the lent share change their size."""
        self.revision += 1
        now = datetime.now(UTC).replace(microsecond=0)
        owned = binding(
            "A", 1 + self.revision % 2, now=now, project="own", pool="p", members=members("u"),
            generation=self.revision,
        )  # fmt: skip
        lent = share("guest", 4, pool="p", members=members("u"))
        self.records.want(
            Desired(
                cluster=CLUSTER, revision=self.revision, bindings=(owned,), lent=(lent,),
                grace_s=1, orders=orders,
            )
        )  # fmt: skip

    def submit(self, *, lasts_s: float, allocation: str | None = None) -> str:
        request = JobRequest(
            project="own" if allocation else "guest",
            allocation=allocation,
            pool="p",
            accelerators=1,
            command=("sh", "-c", WORK),
            username="u",
            environment={"MARKS": str(self.marks), "LASTS": str(lasts_s)},
            working_directory=str(self.folder),
        )
        return jobs_socket.ask(self.state.root, jobs_socket.Submit(request=request)).job or ""

    def is_bound(self) -> bool:
        """Whether some revision was applied, so that jobs may be handed in."""
        return inspection.status(self.state).applied_revision is not None

    def newest_is_pulled(self) -> bool:
        desired = self.state.desired()
        return desired is not None and desired.revision == self.revision

    def listed(self) -> tuple[JobStatus, ...] | None:
        """The agent's jobs; None while it does not answer, because it is starting."""
        try:
            return jobs_socket.ask(self.state.root, jobs_socket.ListJobs()).jobs
        except jobs_socket.NoAgent:
            return None

    def all_jobs_ended(self) -> bool:
        jobs = self.listed()
        return jobs is not None and all(job.ended for job in jobs)


def until(holds: Callable[[], bool], what: str) -> None:
    """Looked at often: what is killed next is to be killed early too."""
    eventually(holds, what, within_s=20, every_s=0.03)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.kill_agent()
    made.kill_hub()
    made.records.database.close()  # jobs still running end by themselves within seconds


def seconds_of(world: World) -> dict[tuple[str, int], tuple[int, int]]:
    """What each attempt held by the engine's own record, in whole seconds."""
    journal = Journal(world.state.root / "engine" / "journal.sqlite")
    try:
        rows = journal.attempts()
    finally:
        journal.close()
    assert all(row.ended is not None for row in rows)
    spans = {
        (row.job, row.attempt): (row.started // MICROS, (row.ended or 0) // MICROS) for row in rows
    }
    return {key: span for key, span in spans.items() if span[0] < span[1]}


def said(world: World) -> dict[tuple[str, int], list[tuple[int, int]]]:
    """What the hub counted for each attempt."""
    return {
        key: [(int(one.start.timestamp()), int(one.end.timestamp())) for one in records]
        for key, records in world.segments().items()
    }


def tiles(spans: list[tuple[int, int]], whole: tuple[int, int]) -> bool:
    """Whether the spans cover the whole once, without gap or overlap."""
    edges = [whole[0], *(end for _, end in spans)]
    return [start for start, _ in spans] == edges[:-1] and edges[-1] == whole[1]


def live_once(world: World, life: int, chance: random.Random, jobs: list[str]) -> None:
    """One life of the agent: in some it dies in its first reconcile, in others while it reports."""
    before = world.arrived()
    world.want_more()
    world.start_agent()
    if life % 3 == 2:
        until(world.newest_is_pulled, "the revision is pulled")
        time.sleep(chance.uniform(0, 0.05))
    else:
        until(lambda: world.arrived() > before and world.is_bound(), "a report arrives")
        until(lambda: world.listed() is not None, "the agent answers")  # not the one before it
        jobs.append(
            world.submit(lasts_s=1.1 + chance.random(), allocation="A" if life % 2 else None)
        )
        jobs.append(world.submit(lasts_s=1.1 + chance.random()))
        time.sleep(chance.uniform(0, 1.2))
    if life % 3 == 1:
        world.kill_hub()
        time.sleep(chance.uniform(0, 1.2))  # what is said now is said to nobody
    world.kill_agent()


def test_kill_9_of_agent_and_hub_loses_no_second_and_counts_none_twice(world: World) -> None:
    chance = random.Random(20260301)  # noqa: S311  # when to kill, not a secret
    jobs: list[str] = []
    world.start_hub()
    for life in range(LIVES):
        live_once(world, life, chance, jobs)
        if life % 3 == 1:
            world.start_hub()
    world.start_agent()
    until(world.all_jobs_ended, "all jobs end")
    done = datetime.now(UTC)
    until(lambda: world.said_through(done), "all is said")
    assert world.stop_agent() == 0

    truth, counted = seconds_of(world), said(world)
    marked = {
        (mark.name, int(attempt)) for mark in world.marks.iterdir()
        for attempt in mark.read_text().split()
    }  # fmt: skip
    assert {job for job, _ in marked} == set(jobs)
    assert counted.keys() == truth.keys()
    assert {job for job, _ in counted} == set(jobs)
    assert [key for key, spans in counted.items() if not tiles(spans, truth[key])] == []
    assert set(truth) <= marked
    assert world.records.conflicts() == []
    numbers = [report.sequence for report in world.records.reports()]
    firsts = list(dict.fromkeys(numbers))
    assert firsts == list(range(len(firsts)))


def test_the_site_runs_on_without_its_hub_and_says_all_when_it_is_back(world: World) -> None:
    world.want_more()
    world.start_hub()
    world.start_agent()
    until(lambda: world.arrived() > 0 and world.is_bound(), "a report arrives")
    world.kill_hub()
    job = world.submit(lasts_s=1.2)
    until((world.marks / job).exists, "a job starts without the hub")
    until(lambda: inspection.status(world.state).waiting_reports >= 3, "reports wait")
    assert inspection.status(world.state).hub_state == "away"
    assert world.stop_agent() == 0

    waiting = inspection.status(world.state).waiting_reports
    before = world.arrived()
    world.start_hub()
    world.start_agent()
    until(lambda: world.arrived() >= before + waiting, "what waited is said")
    numbers = [report.sequence for report in world.records.reports()]
    assert numbers == sorted(numbers)
    until(lambda: any(key[0] == job for key in said(world)), "the job's use is counted")


IMPATIENT = (
    "from datetime import timedelta; from dure.agent import order_desk, orders; "
    "orders.SETTLES = timedelta(seconds=0.5); order_desk.AT_ONCE = 2; " + AGENT
)
"""The local engine shows at once what was handed in: no need to wait as long as for sbatch. Two at
once: so that the orders last for some lives."""


def test_kill_9_while_orders_are_carried_out_runs_each_once(world: World) -> None:
    world.program = IMPATIENT
    chance = random.Random(20261122)  # noqa: S311  # when to kill, not a secret
    names = [f"order-{number:02}" for number in range(24)]
    world.want_more(tuple(JobOrder(order=name, request=_marking(world, name)) for name in names))
    world.start_hub()
    for _ in range(LIVES):
        world.start_agent()
        until(world.state.root.joinpath("jobs.socket").exists, "the agent runs")
        time.sleep(chance.uniform(0, 0.3))
        world.kill_agent()
    world.start_agent()
    until(lambda: len(list(world.marks.iterdir())) == len(names), "every order has run")
    until(world.all_jobs_ended, "all jobs end")
    assert world.stop_agent() == 0
    assert {mark.name: mark.read_text() for mark in world.marks.iterdir()} == dict.fromkeys(
        names, "ran\n"
    )
    last = {
        note.order: note.state for report in world.records.reports() for note in report.jobs
    }  # fmt: skip
    assert set(last) == set(names)


def _marking(world: World, name: str) -> JobRequest:
    """A job of the owner's that leaves a line in its order's file each time it is run."""
    return JobRequest(
        project="guest",
        pool="p",
        accelerators=1,
        command=("sh", "-c", f'echo ran >> "{world.marks / name}"'),
        username="u",
        working_directory=str(world.folder),
    )
