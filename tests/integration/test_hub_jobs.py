"""Jobs in the hub: ordered by members, carried out by the agent's word, seen by who may."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from tests.integration import small
from tests.integration.small import STARTED, World

from dure.hub import clock
from dure.hub.allocations import desired, members
from dure.hub.allocations.models import LentRight, Stretch
from dure.hub.audit.models import Event
from dure.hub.jobs import operations, queries
from dure.hub.jobs.models import Job
from dure.hub.people.gate import NotPermitted
from dure.hub.people.models import User
from dure.hub.people.operations import issue_token
from dure.hub.supply.models import Cluster
from dure.hub.usage.operations import accept_report
from dure.protocol import (
    Capabilities,
    JobNote,
    JobOrder,
    PoolInventory,
    Report,
    StartEstimate,
)
from dure.vocabulary.plans import Reason

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOW = STARTED + timedelta(hours=1)
LATER = STARTED + timedelta(hours=5)
BUDGET = 12


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """ann and bob hold three servers each; both sites were heard of an hour after the start."""
    made = small.running()
    monkeypatch.setattr(clock, "now", lambda: NOW)
    say(inventory=inventory())
    return made


def inventory(**changes: object) -> tuple[PoolInventory, ...]:
    pool = PoolInventory(
        pool="pool-a",
        model="H200",
        nodes=10,
        accelerators=80,
        owner_accelerators=0,
        lent_accelerators=0,
    )
    return (pool.model_copy(update=changes),)


def say(*notes: JobNote, inventory: tuple[PoolInventory, ...] = (), key: str = "centre-a") -> None:
    """The agent of the cluster reports of jobs."""
    cluster = small.cluster(key)
    report = Report(
        cluster=key,
        sequence=9,
        said_at=NOW,
        applied_revision=cluster.desired_revision,
        inventory=inventory,
        capabilities=Capabilities(
            engine="slurm",
            enforces_limits=True,
            preempts_lent=True,
            requeues_lent=True,
            take_back_bound_s=1.5,
        ),
        jobs=notes,
    )
    accept_report(cluster=cluster, report=report, now=NOW)


def orders(key: str = "centre-a") -> tuple[JobOrder, ...]:
    """What the cluster's agent is asked to run."""
    return desired.document(Cluster.objects.get(key=key)).orders


def asking(user: User) -> Client:
    token = issue_token(user=user, label="test", by=user, now=NOW)
    return Client(headers={"authorization": f"Bearer {token}", "accept-language": "en"})


def submit(client: Client, **changes: object) -> tuple[int, dict[str, object]]:
    body = {"command": ["python", "train.py"], "accelerators": 8, **changes}
    answer = client.post("/api/v1/jobs", json.dumps(body), "application/json")
    return answer.status_code, answer.json()


def order(world: World, **changes: object) -> Job:
    """Ann's."""
    status, body = submit(asking(world["ann"]), **changes)
    assert status == 200, body
    return Job.objects.get(pk=str(body["id"]))


def note(of: Job, state: str = "running", **changes: object) -> JobNote:
    said = JobNote(
        order=of.order or None,
        job=f"77-{of.pk}",
        state=state,
        project=of.project.key,
        allocation=of.allocation.key if of.allocation else None,
        pool=of.pool.key,
        username=of.username,
        accelerators=of.accelerators,
        submitted=NOW,
        started=None if state == "pending" else NOW,
    )
    return said.model_copy(update=changes)


def lend(world: World, name: str = "ann", most: int = 64) -> LentRight:
    project = world.allocation(name).project
    return LentRight.objects.create(
        project=project, pool=small.pool(), order=0, max_accelerators=most, since=NOW
    )


def page(world: World, name: str, address: str) -> str:
    client = Client(headers={"accept-language": "en"})
    client.force_login(world[name])
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_job_goes_from_the_api_into_the_document_and_leaves_it_when_it_is_over(
    world: World,
) -> None:
    before = small.cluster().desired_revision
    job = order(world, name="train")
    assert small.cluster().desired_revision == before + 1
    (ordered,) = orders()
    assert ordered.order == job.order
    assert ordered.request.label == job.order
    assert ordered.request.username == "ann"
    assert ordered.request.allocation == world.allocation("ann").key
    assert ordered.request.command == ("python", "train.py")
    say(note(job, "pending", waits=Reason(code="job.handing_in")))
    client = asking(world["ann"])
    seen = client.get(f"/api/v1/jobs/{job.pk}").json()
    assert (seen["state"], seen["engine_job"]) == ("pending", f"77-{job.pk}")
    assert "waits for its scheduler" in seen["waits"]
    say(note(job, "completed", ended=NOW, exit_code=0, log="done\n"))
    assert orders() == ()
    log = client.get(f"/api/v1/jobs/{job.pk}/log").json()
    assert (log["state"], log["text"]) == ("completed", "done\n")


def test_what_is_over_changes_no_more_whatever_is_said_late(world: World) -> None:
    job = order(world)
    say(note(job, "failed", ended=NOW, exit_code=3, attempt=2))
    say(note(job, "running"))
    say(note(job, "completed", ended=NOW, exit_code=0, log="the end"))
    job.refresh_from_db()
    assert (job.state, job.exit_code, job.attempt, job.log) == ("failed", 3, 2, "the end")


def test_an_order_keeps_no_site_from_confirming_what_it_bound(world: World) -> None:
    """Jobs that come one a second must not hold up the day from which an allocation counts."""
    Stretch.objects.all().delete()
    applied = small.cluster().desired_revision
    order(world)
    small.say(at=NOW, applied=applied)
    assert Stretch.objects.filter(allocation=world.allocation("ann")).exists()
    Stretch.objects.all().delete()
    desired.touch([small.cluster()])
    small.say(at=NOW, applied=applied)
    assert not Stretch.objects.filter(allocation__pool__cluster=small.cluster()).exists()


def test_only_members_order_and_only_they_read_what_a_job_writes(world: World) -> None:
    job = order(world)
    say(note(job, log="secret loss"))
    anns = world.allocation("ann").project
    for name in ("bob", "operator", "reviewer1", "supplier"):
        status, _ = submit(asking(world[name]), project=anns.key)
        assert status == 404
        assert asking(world[name]).get(f"/api/v1/jobs/{job.pk}/log").status_code == 404
    assert "secret loss" in page(world, "ann", reverse("job", args=[job.pk]))
    overseen = page(world, "operator", reverse("job", args=[job.pk]))
    assert "secret loss" not in overseen
    assert "train.py" not in overseen
    client = Client()
    client.force_login(world["bob"])
    assert client.get(reverse("job", args=[job.pk])).status_code == 404


def test_a_member_who_was_removed_orders_nothing_more(world: World) -> None:
    anns = world.allocation("ann").project
    members.remove(project=anns, user=world["ann"], by=world.operator, now=NOW)
    assert submit(asking(world["ann"]), project=anns.key)[0] == 404


def test_a_job_larger_than_its_allocation_is_refused_with_what_it_is(world: World) -> None:
    status, problem = submit(asking(world["ann"]), accelerators=25)
    assert status == 409
    assert problem["type"] == "unable-to-order"
    assert problem["detail"] == "The job is larger than the allocation (accelerators: 25 of 24)."
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"allocation": "none"}, "no active allocation none"),
        ({"pool": "pool-b"}, "may not run jobs in pool pool-b"),
        ({"lent": "only"}, "shall run on lent capacity only"),
        ({"command": ["x" * 70_000]}, "longer than 64 KiB"),
        ({"models": ["B200"]}, "H200 is none of the models"),
    ],
)
def test_a_job_that_cannot_run_as_asked_is_refused_in_words(
    world: World, changes: dict[str, object], words: str
) -> None:
    status, problem = submit(asking(world["ann"]), **changes)
    assert status == 409
    assert words in str(problem["detail"])


def test_no_project_has_more_open_jobs_than_the_document_bears(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "MOST_OPEN", 1)
    job = order(world)
    assert submit(asking(world["ann"]))[0] == 409
    say(note(job, "completed", ended=NOW))
    assert submit(asking(world["ann"]))[0] == 200


def test_a_name_without_letters_for_a_database_is_refused(world: World) -> None:
    assert submit(asking(world["ann"]), command=["a\x00b"])[0] == 422
    assert submit(asking(world["ann"]), name="a\x00b")[0] == 422
    assert submit(asking(world["ann"]), environment={"A": "\x00"})[0] == 422


def test_who_handed_a_job_in_ends_it_and_no_other_member(world: World) -> None:
    job = order(world)
    anns = world.allocation("ann").project
    members.add(project=anns, user=world["cho"], by=world.operator, now=NOW)
    assert asking(world["cho"]).post(f"/api/v1/jobs/{job.pk}/cancel").status_code == 404
    assert asking(world["ann"]).post(f"/api/v1/jobs/{job.pk}/cancel").status_code == 200
    (ordered,) = orders()
    assert ordered.wanted == "cancel"
    events = list(Event.objects.filter(subject=f"job:{job.pk}").values_list("what", flat=True))
    assert sorted(events) == ["job.cancelled", "job.ordered"]
    say(note(job, "cancelled", ended=NOW))
    assert orders() == ()


def test_jobs_from_a_login_node_are_listed_and_not_ended_here(world: World) -> None:
    job = order(world)
    plain = note(job, order=None, job="4711", username="ann")
    say(plain)
    heard = Job.objects.get(engine_job="4711")
    assert heard.submitted_by is None
    answer = asking(world["ann"]).post(f"/api/v1/jobs/{heard.pk}/cancel")
    assert answer.status_code == 404  # nobody handed it in here
    answer = asking(world.operator).post(f"/api/v1/jobs/{heard.pk}/cancel")
    assert "scancel" in answer.json()["detail"]
    assert "4711" in page(world, "ann", reverse("jobs"))
    assert "4711" not in page(world, "bob", reverse("jobs"))
    say(plain.model_copy(update={"state": "completed", "ended": NOW}))
    heard.refresh_from_db()
    assert heard.state == "completed"


def test_a_job_heard_of_before_its_order_becomes_the_orders_job(world: World) -> None:
    job = order(world)
    say(note(job, order=None))
    assert Job.objects.count() == 2
    say(note(job), note(job, order=None))
    job.refresh_from_db()
    assert job.engine_job == f"77-{job.pk}"
    assert Job.objects.count() == 1


def test_two_orders_that_claim_one_number_do_not_stop_the_report(world: World) -> None:
    one, two = order(world), order(world)
    say(note(one, job="5"), note(two, job="5"))
    one.refresh_from_db()
    two.refresh_from_db()
    assert sorted((one.engine_job, two.engine_job)) == ["", "5"]
    assert (one.state, two.state) == ("running", "running")


def test_a_note_of_what_this_hub_does_not_know_is_passed_over(world: World) -> None:
    job = order(world)
    strange = note(job, order=None, job="1")
    say(
        strange.model_copy(update={"project": "none"}),
        strange.model_copy(update={"pool": "none"}),
        strange.model_copy(update={"allocation": "none"}),
        strange.model_copy(update={"order": "of-another-life", "job": None}),
    )
    assert Job.objects.count() == 1


def test_a_site_sends_output_while_somebody_reads_and_then_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = order(world)
    say(note(job))
    revision = small.cluster().desired_revision
    page(world, "operator", reverse("job", args=[job.pk]))
    assert [one.wants_log for one in orders()] == [False]
    page(world, "ann", reverse("job-progress", args=[job.pk]))
    page(world, "ann", reverse("job-progress", args=[job.pk]))
    assert [one.wants_log for one in orders()] == [True]
    assert small.cluster().desired_revision == revision + 1
    monkeypatch.setattr(clock, "now", lambda: LATER)
    operations.tidy(by=world.operator, now=LATER)
    assert [one.wants_log for one in orders()] == [False]
    assert small.cluster().desired_revision == revision + 2


def test_old_jobs_are_forgotten_and_open_ones_are_not(world: World) -> None:
    done, open_one = order(world), order(world)
    say(note(done, "completed", ended=NOW))
    operations.tidy(by=world.operator, now=NOW + operations.KEPT_FOR)
    assert Job.objects.count() == 2
    operations.tidy(by=world.operator, now=NOW + operations.KEPT_FOR + timedelta(seconds=1))
    assert Job.objects.get() == open_one


def route(world: World, **changes: object) -> dict[str, object]:
    body = {"command": ["x"], "accelerators": 8, "anywhere": True, "lent": "also", **changes}
    client = asking(world["ann"])
    answer = client.post("/api/v1/jobs/route", json.dumps(body), "application/json")
    assert answer.status_code == 200, answer.json()
    found: dict[str, object] = answer.json()
    return found


def starts(found: dict[str, object]) -> list[tuple[object, object]]:
    places = found["places"]
    assert isinstance(places, list)
    return [(one["allocation"] is None, one["code"]) for one in places]


def test_where_a_job_would_run_goes_by_what_runs_and_waits_there(world: World) -> None:
    lend(world)
    assert starts(route(world)) == [(False, "routing.free_within"), (True, "routing.idle")]
    assert not Job.objects.exists()
    order(world, accelerators=8)
    say(note(order(world, accelerators=12)))
    assert starts(route(world)) == [(True, "routing.idle"), (False, "routing.after_own")]
    estimate = StartEstimate(accelerators=8, lent=True, at=LATER)
    say(inventory=inventory(owner_accelerators=80, starts=(estimate,)))
    found = route(world)
    assert starts(found) == [(True, "routing.estimated"), (False, "routing.after_own")]
    places = found["places"]
    assert isinstance(places, list)
    assert places[0]["at"] is not None
    assert "earlier in pool-a" in places[1]["why_not"]


def test_a_silent_site_is_chosen_by_no_route(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: LATER)
    found = route(world)
    assert found["chosen"] is None
    assert starts(found) == [(False, "routing.silent")]


def test_places_at_two_sites_are_chosen_between_only_when_asked(world: World) -> None:
    LentRight.objects.create(
        project=world.allocation("ann").project,
        pool=small.pool("pool-b"),
        order=0,
        max_accelerators=8,
        since=NOW,
    )
    say(key="leased-b")
    status, problem = submit(asking(world["ann"]), lent="also")
    assert (status, problem["type"]) == (409, "unable-to-order")
    assert "several sites (centre-a, leased-b)" in str(problem["detail"])
    job = order(world, lent="also", anywhere=True)
    assert job.pool.key == "pool-a"
    text = page(world, "ann", reverse("job", args=[job.pk]))
    assert "Why not elsewhere" in text
    assert order(world, lent="only", pool="pool-b").allocation is None


def test_the_form_hands_a_script_in_and_says_where_it_would_start(world: World) -> None:
    lend(world)
    client = Client(headers={"accept-language": "en"})
    client.force_login(world["ann"])
    text = client.get(reverse("job-new")).content.decode()
    assert "a job on 1 accelerator<" in text
    project = world.allocation("ann").project.key
    given = {"place": f"best:{project}", "accelerators": "8", "script": "echo hi\r\nsleep 1\r\n"}
    looked = client.post(reverse("job-new"), {**given, "look": "1"})
    assert looked.status_code == 200
    assert "a job on 8 accelerators" in looked.content.decode()
    assert not Job.objects.exists()
    part = client.get(reverse("job-starts"), {"accelerators": "100"}).content.decode()
    assert "larger than the allocation" in part
    refused = client.post(reverse("job-new"), {**given, "accelerators": "100"})
    assert refused.status_code == 422
    sentence = "<li>The job is larger than the allocation (accelerators: 100 of 24).</li>"
    assert sentence in refused.content.decode()
    answer = client.post(reverse("job-new"), {**given, "hours": "2"}, follow=True)
    assert "on its way to the site" in answer.content.decode()
    job = Job.objects.get()
    assert job.command == ["/bin/bash", "-c", "echo hi\nsleep 1\n"]
    assert (job.accelerators, job.time_limit_s) == (8, 7200)
    client.post(reverse("job-cancel", args=[job.pk]))
    job.refresh_from_db()
    assert not job.is_wanted


@pytest.mark.parametrize("place", ["allocation", "lent"])
def test_a_place_of_the_form_is_the_jobs_place(world: World, place: str) -> None:
    lend(world)
    mine = world.allocation("ann")
    value = f"allocation:{mine.key}" if place == "allocation" else f"lent:{mine.project.key}:pool-a"
    client = Client()
    client.force_login(world["ann"])
    client.post(reverse("job-new"), {"place": value, "accelerators": "1", "script": "true"})
    job = Job.objects.get()
    assert job.allocation == (mine if place == "allocation" else None)


def test_a_foreign_place_is_no_choice_of_the_form(world: World) -> None:
    client = Client()
    client.force_login(world["bob"])
    foreign = f"allocation:{world.allocation('ann').key}"
    given = {"place": foreign, "accelerators": "1", "script": "true"}
    assert client.post(reverse("job-new"), given).status_code == 422
    assert not Job.objects.exists()


def test_who_may_run_nothing_is_told_so(world: World) -> None:
    assert "None of your projects may run jobs now" in page(world, "lee", reverse("job-new"))
    with pytest.raises(NotPermitted):
        queries.projects(by=world.operator, now=NOW)


def test_the_list_costs_the_same_few_queries_however_long_it_is(world: World) -> None:
    job = order(world)
    client = Client()
    client.force_login(world["ann"])
    client.get(reverse("jobs"))
    with CaptureQueriesContext(connection) as short:
        client.get(reverse("jobs"))
    say(*(note(job, order=None, job=f"plain-{n}") for n in range(30)))
    for address, most in (
        (reverse("jobs"), len(short)),
        (reverse("job", args=[job.pk]), BUDGET),
        (reverse("job-new"), BUDGET),
    ):
        with CaptureQueriesContext(connection) as counted:
            assert client.get(address).status_code == 200
        assert len(counted) <= min(most, BUDGET), address


def test_the_list_is_narrowed_by_state_whose_and_text(world: World) -> None:
    done, mine = order(world, name="first"), order(world, name="second")
    say(note(done, "completed", ended=NOW), note(done, order=None, job="x", username="other"))

    def listed(**query: str) -> set[str]:
        client = Client()
        client.force_login(world["ann"])
        rows = client.get(reverse("jobs"), query).context["page"].object_list
        return {one.title for one in rows}

    assert listed() == {"first", "second", "x"}
    assert listed(state="open") == {"second", "x"}
    assert listed(state="completed") == {"first"}
    assert listed(mine="1") == {"first", "second"}
    assert listed(text="sec") == {"second"}
    assert listed(project=mine.project.key) == {"first", "second", "x"}
