"""What several people do at once: each waits for the other, and none fails because of it.

- Real transactions in threads, each slowed down between two of its locks.
- SQLite lets one transaction write at a time; on PostgreSQL others come between its locks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest
from django.db import connection
from tests.integration import small
from tests.integration.asked import queued_study
from tests.integration.small import APRIL, DECIDED, NOW, STARTED

from dure.engine.routing import Wish
from dure.hub.allocations import capacity, decisions, operations, promotion, reclaiming, rounds
from dure.hub.allocations.decisions import StalePlan
from dure.hub.allocations.models import Allocation, Decision
from dure.hub.audit import operations as audit_operations
from dure.hub.audit import queries as audit
from dure.hub.calls import candidacy
from dure.hub.calls import operations as calls
from dure.hub.calls.models import Application
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.jobs import notes, orders
from dure.hub.jobs import operations as jobs
from dure.hub.people.gate import STEWARD
from dure.hub.studies import queue
from dure.hub.studies.models import Study
from dure.hub.usage import operations as usage_operations
from dure.hub.usage.models import UsageSegment
from dure.protocol import JobNote, Report

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S: Final = 10
WORST_MOMENT_S: Final = 0.5


def together(*acts: Callable[[], object]) -> list[object]:
    """Runs them at once, each in a thread; what each returned, or raised."""
    gate = threading.Barrier(len(acts))
    results: list[object] = [None] * len(acts)

    def run(index: int, act: Callable[[], object]) -> None:
        gate.wait(PATIENCE_S)
        try:
            results[index] = act()
        except Exception as error:  # noqa: BLE001  # handed to the test
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(3 * PATIENCE_S)
    assert not any(one.is_alive() for one in threads)
    return results


def slowly(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
    """The function waits before it begins: whoever calls it holds its locks for longer."""
    real = getattr(module, name)

    def late(*args: object, **kwargs: object) -> object:
        time.sleep(WORST_MOMENT_S)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, late)


def failures(results: list[object]) -> list[object]:
    return [r for r in results if isinstance(r, Exception)]


def test_two_approvals_of_one_plan_award_once() -> None:
    world, plan = small.proposed()
    results = together(
        *[
            lambda: operations.approve_decision(decision=plan, by=world.operator, now=DECIDED)
            for _ in range(2)
        ]
    )
    assert [type(e) for e in failures(results)] == [StalePlan]
    assert Allocation.objects.filter(pool__key="pool-a").count() == 2
    assert audit.verify().intact


def test_a_round_is_solved_while_its_plan_is_approved(monkeypatch: pytest.MonkeyPatch) -> None:
    world, plan = small.proposed()
    slowly(monkeypatch, decisions, "next_header")
    slowly(monkeypatch, rounds, "apply")
    results = together(
        lambda: operations.approve_decision(decision=plan, by=world.operator, now=DECIDED),
        lambda: operations.solve_round(call=world.call, by=world.operator, now=DECIDED),
    )
    assert {type(e) for e in failures(results)} <= {StalePlan, NotAtThisStage}, results
    assert len(failures(results)) <= 1
    assert audit.verify().intact


def test_one_declines_while_another_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    world = small.decided()
    slowly(monkeypatch, capacity, "shrink")
    results = together(
        lambda: operations.decline_agreement(
            allocation=world.allocation("ann"), by=world["ann"], now=DECIDED
        ),
        lambda: operations.sign_agreement(
            allocation=world.allocation("bob"), by=world["bob"], now=DECIDED
        ),
    )
    assert not failures(results), results
    assert audit.verify().intact


def test_an_agreement_is_answered_once() -> None:
    world = small.decided()
    one = world.allocation("ann")
    results = together(
        lambda: operations.decline_agreement(allocation=one, by=world["ann"], now=DECIDED),
        lambda: operations.sign_agreement(allocation=one, by=world["ann"], now=DECIDED),
        lambda: operations.sign_agreement(allocation=one, by=world["ann"], now=DECIDED),
    )
    assert [type(e) for e in failures(results)] == [NotAtThisStage] * 2, results
    assert audit.verify().intact


def test_one_batch_said_four_times_at_once_counts_once() -> None:
    world = small.running()
    one = world.allocation("ann")
    usage = tuple(
        small.work(one, start=STARTED + timedelta(days=d), job=f"j{d}") for d in range(20)
    )
    results = together(
        *[lambda: small.say(at=STARTED + timedelta(days=25), usage=usage) for _ in range(4)]
    )
    assert not failures(results), results
    assert UsageSegment.objects.count() == 20


def test_a_draft_is_submitted_once() -> None:
    world = small.opened()
    one = small.draft(world, "ann")
    results = together(
        *[lambda: calls.submit_application(application=one, by=world["ann"], now=NOW)] * 2
    )
    assert [type(e) for e in failures(results)] == [NotAtThisStage], results


def test_what_is_submitted_as_the_call_closes_is_screened(monkeypatch: pytest.MonkeyPatch) -> None:
    world = small.opened()
    one = small.draft(world, "ann")
    slowly(monkeypatch, candidacy, "amount")

    def close() -> None:
        time.sleep(WORST_MOMENT_S / 2)
        calls.close_call(call=world.call, by=world.operator, now=NOW)
        calls.screen_call(call=world.call, by=world.operator, now=NOW)

    results = together(
        lambda: calls.submit_application(application=one, by=world["ann"], now=NOW), close
    )
    one.refresh_from_db()
    assert one.state in {"admitted", "draft"}, (one.state, results)


def test_the_audit_chain_neither_forks_nor_gaps_under_many_writers() -> None:
    world = small.opened()
    results = together(
        *[
            lambda: [
                calls.start_application(call=world.call, by=world["ann"], now=NOW) for _ in range(5)
            ]
        ]
        * 8
    )
    assert not failures(results), results
    assert audit.verify().intact
    assert Application.objects.count() == 40


def test_one_declines_while_the_steward_promotes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = small.decided()
    operations.decline_agreement(allocation=world.allocation("bob"), by=world["bob"], now=DECIDED)
    slowly(monkeypatch, audit_operations, "record")
    results = together(
        lambda: operations.decline_agreement(
            allocation=world.allocation("ann"), by=world["ann"], now=DECIDED
        ),
        lambda: promotion.promote(programme=world.programme, by=STEWARD, now=DECIDED),
    )
    assert not failures(results), results
    assert audit.verify().intact


def test_two_workers_at_once_play_one_study_and_not_two(monkeypatch: pytest.MonkeyPatch) -> None:
    small.opened()
    for name in ("first", "second"):
        queued_study(name)
    slowly(monkeypatch, queue, "tell")
    results = together(*[lambda: queue.claim(now=NOW) for _ in range(2)])
    assert not failures(results), results
    (claimed,) = [one for one in results if one is not None]
    assert list(Study.objects.filter(state="running")) == [claimed]
    assert audit.verify().intact


def test_a_site_reports_use_while_it_is_pulled_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = small.running()
    for key in ("centre-a", "leased-b"):
        small.say(key, at=APRIL, through=APRIL)
    reclaiming.review(programme=world.programme, now=APRIL)
    later = APRIL + timedelta(days=6)
    for key in ("centre-a", "leased-b"):
        small.say(key, at=later, through=later)
    plan = reclaiming.review(programme=world.programme, now=later)
    assert plan is not None
    assert plan.state == Decision.State.PROPOSED
    one = world.allocation("ann")
    usage = (small.work(one, start=later - timedelta(hours=9), hours=1),)
    slowly(monkeypatch, capacity, "shrink")
    slowly(monkeypatch, usage_operations, "_new_segments")
    results = together(
        lambda: operations.approve_decision(decision=plan, by=world.operator, now=later),
        lambda: small.say(at=later, usage=usage),
    )
    assert not failures(results), results


def test_a_job_is_cancelled_and_read_while_its_site_speaks_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = small.running()
    project = world.allocation("ann").project
    small.say(at=STARTED)
    asked = jobs.Asked(project=project, command=("true",), wish=Wish(accelerators=1))
    job = jobs.order_job(asked=asked, by=world["ann"], now=STARTED)
    said = JobNote(
        order=job.order, job="1", state="running", project=project.key, pool="pool-a",
        allocation=world.allocation("ann").key, username="ann", accelerators=1, started=STARTED,
    )  # fmt: skip
    cluster = small.cluster()
    report = Report(cluster=cluster.key, sequence=9, said_at=STARTED, jobs=(said,))
    slowly(monkeypatch, notes, "_let_numbers_go")
    slowly(monkeypatch, orders, "changed")
    results = together(
        lambda: usage_operations.accept_report(cluster=cluster, report=report, now=STARTED),
        lambda: jobs.cancel_job(job=job, by=world["ann"], now=STARTED),
        lambda: jobs.read_job(job=job, by=world["ann"], now=STARTED),
    )
    assert failures(results) == []
    job.refresh_from_db()
    assert (job.state, job.is_wanted) == ("running", False)
    assert job.read_until is not None
