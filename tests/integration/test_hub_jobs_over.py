"""The end of what the hub knows of a job: ends heard and not heard, and what is kept after them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.urls import reverse
from tests.integration import small
from tests.integration.small import World
from tests.integration.test_hub_jobs import NOW, asking, note, order, orders, page, submit
from tests.integration.test_hub_jobs import world as _world

from dure.hub import loop
from dure.hub.allocations import lending
from dure.hub.jobs import notes, operations, places
from dure.hub.jobs import orders as documents
from dure.hub.jobs.models import Job
from dure.hub.supply.models import Cluster
from dure.hub.usage.operations import accept_report
from dure.protocol import JobNote, Report

pytestmark = [pytest.mark.django_db, pytest.mark.database]

world = _world


def say(*notes: JobNote, key: str = "centre-a", at: datetime = NOW) -> None:
    """The cluster's agent reports of jobs."""
    report = Report(cluster=key, sequence=9, said_at=at, jobs=notes)
    accept_report(cluster=small.cluster(key), report=report, now=max(at, NOW))


def test_a_job_that_its_site_says_no_more_of_is_given_up_and_counts_no_more(world: World) -> None:
    ordered = order(world)
    plain = note(ordered, order=None, job="4711")
    say(plain, note(ordered))
    project = ordered.project
    in_use = [one.in_use for one in places.of_projects([project], now=NOW)[project.pk]]
    assert in_use == [16]
    say(at=NOW + notes.SILENT_FOR)
    heard = Job.objects.get(engine_job="4711")
    assert heard.state == "running"
    gone = NOW + notes.SILENT_FOR + timedelta(seconds=1)
    say(key="leased-b", at=gone)  # another site's word
    heard.refresh_from_db()
    assert heard.state == "running"
    say(at=gone)
    heard.refresh_from_db()
    ordered.refresh_from_db()
    assert (heard.state, heard.ended_at) == ("failed", gone)
    assert "no longer knows the job" in page(world, "ann", reverse("job", args=[heard.pk]))
    assert ordered.state == "running"  # of what it was ordered its agent itself says the end
    in_use = [one.in_use for one in places.of_projects([project], now=NOW)[project.pk]]
    assert in_use == [8]
    operations.tidy(by=world.operator, now=gone + operations.KEPT_FOR + timedelta(seconds=1))
    assert not Job.objects.filter(pk=heard.pk).exists()


def test_a_job_given_up_is_taken_up_again_when_it_is_heard_of(world: World) -> None:
    plain = note(order(world), order=None, job="4711")
    say(plain)
    gone = NOW + 2 * notes.SILENT_FOR
    say(at=gone)
    say(plain, at=NOW)  # said before, and sent again
    heard = Job.objects.get(engine_job="4711")
    assert heard.state == "failed"
    say(plain, at=gone + timedelta(minutes=1))
    heard.refresh_from_db()
    assert (heard.state, heard.ended_at, heard.waits) == ("running", None, None)
    done = plain.model_copy(update={"state": "completed", "ended": gone, "exit_code": 0})
    say(done, at=gone + timedelta(minutes=2))
    say(plain, at=gone + timedelta(minutes=3))
    heard.refresh_from_db()
    assert (heard.state, heard.ended_at, heard.exit_code) == ("completed", gone, 0)
    again = plain.model_copy(update={"attempt": 2})  # `scontrol requeue`
    say(again, at=gone + timedelta(minutes=4))
    heard.refresh_from_db()
    assert (heard.state, heard.ended_at) == ("running", None)


def test_reports_of_hours_that_come_at_once_lose_no_job(world: World) -> None:
    """The hub was away; what the site said meanwhile comes in its order, and late."""
    plain = note(order(world), order=None, job="4711")
    say(plain)
    late = NOW + timedelta(hours=5)
    say(at=NOW + timedelta(minutes=10))
    say(plain, at=NOW + timedelta(minutes=20))
    Cluster.objects.update(last_seen_at=late)
    operations.tidy(by=world.operator, now=late)
    assert Job.objects.get(engine_job="4711").state == "running"
    say(at=late)
    assert Job.objects.get(engine_job="4711").state == "failed"


def test_of_a_job_that_is_over_no_variables_are_kept(world: World) -> None:
    job = order(world, environment={"TOKEN": "secret"})
    say(note(job))
    job.refresh_from_db()
    assert job.environment == {"TOKEN": "secret"}
    say(note(job, "completed", ended=NOW))
    job.refresh_from_db()
    assert (job.state, job.environment) == ("completed", {})


def test_old_jobs_go_in_slices(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "SLICE", 2)
    done = [order(world) for _ in range(3)]
    open_one = order(world)
    say(*(note(job, "completed", ended=NOW) for job in done))
    later = NOW + operations.KEPT_FOR + timedelta(seconds=1)
    assert operations.tidy(by=world.operator, now=later) == 3
    assert Job.objects.get() == open_one


def test_jobs_that_cannot_be_forgotten_do_not_stop_the_loop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def fails(**_: object) -> int:
        ran.append("jobs")
        raise RuntimeError("the disk is full")

    def lends(**_: object) -> None:
        ran.append("lending")

    monkeypatch.setattr(operations, "tidy", fails)
    monkeypatch.setattr(lending, "offer", lends)
    step = loop.step(programme=world.programme, now=NOW)
    assert step.failed == {"jobs": "RuntimeError: the disk is full"}
    assert ran == ["lending", "jobs"]


def test_who_looks_while_the_last_reader_is_forgotten_is_read_to(world: World) -> None:
    """A look had found that the site sends already; the loop ended that before it wrote."""
    job = order(world)
    operations.read_job(job=job, by=world["ann"], now=NOW)
    looked = Job.objects.get(pk=job.pk)
    late = NOW + operations.READ_FOR
    assert documents.reading_ends(now=late) == 1
    before = Cluster.objects.get(key="centre-a").desired_revision
    operations.read_job(job=looked, by=world["ann"], now=late)
    assert [one.wants_log for one in orders()] == [True]
    assert Cluster.objects.get(key="centre-a").desired_revision == before + 1
    operations.read_job(job=job, by=world["ann"], now=late)  # found unread, read since
    assert Cluster.objects.get(key="centre-a").desired_revision == before + 1


def test_a_projects_open_jobs_stay_within_what_the_document_bears(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = ["python", "-c", "x" * 1000]
    monkeypatch.setattr(operations, "MOST_BYTES", 2_500)
    first = order(world, command=script)
    order(world, command=["x"], environment={"A": "x" * 1000})
    status, problem = submit(asking(world["ann"]), command=script)
    assert status == 409
    assert "has 2 open jobs already" in str(problem["detail"])
    order(world, command=["x"])  # a short one still fits
    say(note(first, "completed", ended=NOW))
    order(world, command=script)
