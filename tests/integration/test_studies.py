"""What-if studies: asking, the queue, claims that are lost, what is kept and for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from functools import partial
from typing import NoReturn

import pytest
from pytest_django import Settings
from tests.integration import small
from tests.integration.asked import RESULT, SCENARIO, offered, operator, played_study, queued_study
from tests.integration.operated import LATER

from dure.hub.audit.models import Event
from dure.hub.notices.models import Notice
from dure.hub.portal.reasons import sentence
from dure.hub.studies import operations, queue, twin_process
from dure.hub.studies.as_it_stands import Chosen, NothingStands, as_it_stands, changed
from dure.hub.studies.models import Study, StudyFile
from dure.hub.studies.operations import Asked, QueueFull, ScenarioRefused
from dure.hub.studies.queue import ClaimLost, Played
from dure.hub.studies.traces import NoTrace, trace_of
from dure.protocol.study import ScenarioChecked
from dure.twin import summary
from dure.twin.scenario import Scenario
from dure.twin.scenario_file import parse_scenario
from dure.twin.setting import setting_of
from dure.vocabulary.plans import Reason

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SECOND = timedelta(seconds=1)
ASKED = Asked(name="Summer", scenario=SCENARIO)


@pytest.fixture(autouse=True)
def _twin_in_this_process(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """The twin's own words, without the seconds that a process of its own takes."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(twin_process, "offer", offered)
    monkeypatch.setattr(twin_process, "check", _checked)


def _checked(text: str) -> ScenarioChecked:
    try:
        scenario = parse_scenario(text, file="scenario.yaml")
    except ValueError as error:
        return summary.refused(str(error))
    return ScenarioChecked(
        name=scenario.name, days=scenario.days, policies=scenario.policies, seeds=scenario.seeds
    )


@pytest.fixture
def world() -> small.World:
    return small.opened()


ask = partial(operations.ask_study, now=LATER)


def claimed() -> Study:
    study = queue.claim(now=LATER)
    assert study is not None
    return study


def test_a_study_is_queued_with_what_the_scenario_plays_where_nothing_else_is_asked(
    world: small.World,
) -> None:
    study = ask(asked=ASKED, by=world.operator)
    assert (study.state, study.policies, study.seeds, study.days) == (
        "queued", ["islands", "pool"], 1, 2,
    )  # fmt: skip
    other = ask(asked=replace(ASKED, policies=("pool",), seeds=4), by=world.operator)
    assert (other.policies, other.seeds, other.all_days) == (["pool"], 4, 8)
    event = Event.objects.latest("sequence")
    assert (event.what, event.who, event.subject) == (
        "study.asked", "operator", f"study:{other.pk}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (replace(ASKED, scenario=SCENARIO.replace("nodes: 4", "nodes: 0")), "scenario.yaml:5"),
        (replace(ASKED, policies=("magic",)), "no policy 'magic'"),
        (replace(ASKED, seeds=1000), "at most 20 seeds"),
        (replace(ASKED, scenario="x" * 300_000), "longer than 256 KiB"),
        (replace(ASKED, scenario="just words"), "scenario.yaml"),
    ],
)
def test_what_cannot_be_played_is_refused_with_its_place(
    world: small.World, asked: Asked, said: str
) -> None:
    with pytest.raises(ScenarioRefused, match=said):
        ask(asked=asked, by=world.operator)
    assert not Study.objects.exists()


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("demand: {trace: {file: /etc/passwd}}", "demand.trace.file"),
        ("demand: {trace: {file: secret-key}}", "demand.trace.file"),
        ("demand: {fitted: {file: ../dure.sqlite3, load: 1}}", "demand.fitted.file"),
        ("supply: {programme: ../../programme.yaml}", "supply.programme"),
        ("anything: {new: [a, 'C:\\secret']}", "anything.new.1"),
    ],
)
def test_no_text_of_a_scenario_leads_to_a_file_that_did_not_come_with_it(
    world: small.World, line: str, place: str
) -> None:
    with pytest.raises(ScenarioRefused) as refused:
        ask(asked=replace(ASKED, scenario=f"schema: dure.twin/1\n{line}\n"), by=world.operator)
    (problem,) = refused.value.problems
    assert (problem.line, problem.field) == (2, place)


def test_a_trace_is_kept_under_a_name_of_ours_and_the_scenario_names_it(world: small.World) -> None:
    trace = trace_of("../../numpy.py.CSV.gz", b"\x1f\x8b...")
    assert trace.name == "trace.csv.gz"
    text = changed(SCENARIO, Chosen(trace=trace, load_percent=90))
    study = ask(asked=replace(ASKED, scenario=text, trace=trace), by=world.operator)
    demand = parse_scenario(study.scenario, file="x").demand
    assert demand.trace is not None
    assert (demand.trace.file, demand.trace.load, demand.synthetic) == (
        "trace.csv.gz",
        Fraction(9, 10),
        None,
    )
    kept = study.files.get()
    assert (kept.name, kept.is_input, bytes(kept.content)) == ("trace.csv.gz", True, trace.content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("jobs.py", b"import os"),
        ("jobs.csv", b""),
        ("jobs.csv", b"a\0b"),
        ("jobs.csv", b"\x1f\x8b..."),
        ("jobs.csv.gz", b"plain"),
        ("jobs.parquet", b"no"),
        ("csv", b"submit_s"),
    ],
)
def test_what_is_no_trace_is_not_taken(name: str, content: bytes) -> None:
    with pytest.raises(NoTrace):
        trace_of(name, content)


def test_the_queue_takes_no_more_than_it_can_play_in_a_day(world: small.World) -> None:
    for number in range(operations.MOST_WAITING):
        queued_study(str(number))
    with pytest.raises(QueueFull):
        ask(asked=ASKED, by=world.operator)


def test_studies_are_played_in_the_order_they_were_asked_and_one_at_a_time(
    world: small.World,
) -> None:
    first, second = queued_study("first"), queued_study("second")
    mine = claimed()
    assert (mine.pk, mine.state, mine.attempts) == (first.pk, "running", 1)
    assert queue.claim(now=LATER + SECOND) is None
    queue.finish(study=mine, played=Played(RESULT, (("result.json", b"{}"),)), now=LATER)
    assert claimed().pk == second.pk


def test_a_study_that_is_done_has_its_result_its_files_and_tells_who_asked(
    world: small.World,
) -> None:
    study = played_study()
    assert (study.state, study.played_days, study.claim) == ("done", study.all_days, "")
    assert study.result == RESULT
    assert StudyFile.objects.filter(study=study, is_input=False).count() == 3
    notice = Notice.objects.get(recipient=study.asked_by)
    assert sentence(notice.reason).startswith(("The what-if study", "정책 모의실험"))
    said = list(Event.objects.order_by("sequence").values_list("what", "who"))
    assert said[-2:] == [("study.started", "study-worker"), ("study.done", "study-worker")]


def test_a_worker_that_went_silent_loses_its_study_to_the_next(world: small.World) -> None:
    queued_study()
    dead = claimed()
    queue.beat(study=dead, played_days=1, now=LATER + 59 * SECOND)
    assert queue.claim(now=LATER + 118 * SECOND) is None
    heir = queue.claim(now=LATER + 119 * SECOND)
    assert heir is not None
    assert (heir.pk, heir.attempts, heir.played_days) == (dead.pk, 2, 0)
    with pytest.raises(ClaimLost):
        queue.beat(study=dead, played_days=2, now=LATER)
    with pytest.raises(ClaimLost):
        queue.finish(study=dead, played=Played(RESULT, ()), now=LATER)
    with pytest.raises(ClaimLost):
        queue.fail(study=dead, reason=Reason(code="study.twin_missing"), now=LATER)
    assert Study.objects.get().claim == heir.claim


def test_a_study_that_ends_its_workers_is_not_tried_for_ever(world: small.World) -> None:
    bad, good = queued_study("bad"), queued_study("good")
    now = LATER
    for _ in range(queue.MOST_ATTEMPTS):
        study = queue.claim(now=now)
        assert study is not None
        assert study.pk == bad.pk
        now += queue.STALE_AFTER
    following = queue.claim(now=now)
    assert following is not None
    assert following.pk == good.pk
    bad.refresh_from_db()
    assert bad.state == "failed"
    assert (bad.failure or {})["code"] == "study.worker_lost"


def test_a_worker_that_is_asked_to_end_gives_its_study_back_untried(world: small.World) -> None:
    queued_study()
    queue.give_back(study=claimed(), now=LATER)
    study = Study.objects.get()
    assert (study.state, study.attempts, study.claim) == ("queued", 0, "")
    assert claimed().attempts == 1


def test_a_cancelled_study_is_over_for_its_worker_too(world: small.World) -> None:
    queued_study()
    study = claimed()
    for _ in range(2):
        ended = operations.cancel_study(study=study, by=world.operator, now=LATER)
        assert ended.state == "cancelled"
    with pytest.raises(ClaimLost):
        queue.beat(study=study, played_days=1, now=LATER)
    assert Event.objects.filter(what="study.cancelled").count() == 1


def test_what_is_done_cannot_be_cancelled(world: small.World) -> None:
    study = played_study()
    assert operations.cancel_study(study=study, by=world.operator, now=LATER).state == "done"


def test_a_study_goes_with_its_files_and_the_audit_chain_keeps_that_it_was(
    world: small.World,
) -> None:
    study = played_study()
    for _ in range(2):
        operations.remove_study(study=study, by=world.operator, now=LATER)
    assert not StudyFile.objects.exists()
    assert Event.objects.filter(what="study.removed", subject=f"study:{study.pk}").count() == 1


def test_only_what_ended_half_a_year_ago_is_taken_away(world: small.World) -> None:
    old, waiting = played_study("old"), queued_study("waiting")
    due = LATER + operations.KEPT_FOR
    assert operations.expire_studies(by=queue.WORKER, now=due) == 0
    assert operations.expire_studies(by=queue.WORKER, now=due + SECOND) == 1
    assert list(Study.objects.values_list("pk", flat=True)) == [waiting.pk]
    assert old.pk != waiting.pk


def test_the_programme_as_it_stands_is_a_scenario_with_its_allocations_and_who_waits() -> None:
    running = small.running()
    scenario = _stands(running, Chosen(days=60, load_percent=50, profile="kueue"))
    assert {pool.id: (pool.nodes, pool.spare_nodes) for pool in scenario.supply.pools} == {
        "pool-a": (8, 1),
        "pool-b": (4, 0),
    }
    drawn = scenario.supply.pools[0].energy
    assert drawn is not None
    assert drawn.busy_w == 8 * 700
    given = {one.project: one for one in scenario.allocations.given}
    mine = running.allocation("ann")
    assert given[mine.key].servers == mine.servers
    assert (given[mine.key].pool, given[mine.key].from_day) == ("pool-a", 0)
    assert given["s-team-a1"].pool == "pool-b"
    (waiting,) = scenario.allocations.waiting
    assert (waiting.pool, waiting.servers, waiting.months) == ("pool-a", 4, 6)
    assert (scenario.days, scenario.profile) == (60, "kueue")
    assert scenario.demand.synthetic is not None
    assert scenario.demand.synthetic.load == Fraction(1, 2)


def test_allocations_that_end_or_begin_during_the_days_are_given_for_their_days_alone() -> None:
    running = small.running()
    mine = running.allocation("ann")
    type(mine).objects.filter(pk=mine.pk).update(
        starts_at=small.APRIL + timedelta(days=3), ends_at=small.APRIL + timedelta(days=10)
    )
    gone = running.allocation("bob")
    type(gone).objects.filter(pk=gone.pk).update(ends_at=small.APRIL - SECOND)
    given = {one.project: one for one in _stands(running, Chosen(days=30)).allocations.given}
    assert (given[mine.key].from_day, given[mine.key].until_day) == (3, 10)
    assert gone.key not in given


def test_a_programme_without_allocations_has_nothing_to_play(world: small.World) -> None:
    for one in small.projects().values():
        one.allocations.update(state="ended")
    with pytest.raises(NothingStands):
        as_it_stands(Chosen(), by=world.operator, now=LATER)


def test_a_scenario_in_which_nothing_is_changed_keeps_its_very_text() -> None:
    text = offered().scenarios[0].text
    assert changed(text, Chosen()) == text
    other = parse_scenario(changed(text, Chosen(days=9, load_percent=95)), file="x")
    same = parse_scenario(text, file="x")
    assert other.days == 9
    assert other.demand.synthetic is not None
    assert same.demand.synthetic is not None
    assert other.demand.synthetic.load == Fraction(19, 20)
    assert other.demand.synthetic.idle_weeks == same.demand.synthetic.idle_weeks
    assert (other.supply, other.reclaim, other.failures) == (
        same.supply, same.reclaim, same.failures,
    )  # fmt: skip


def _stands(world: small.World, chosen: Chosen) -> Scenario:
    """The programme's scenario, which fits together."""
    text = as_it_stands(chosen, by=operator(), now=small.APRIL)
    operations.ask_study(asked=Asked(name="x", scenario=text), by=world.operator, now=small.APRIL)
    scenario = parse_scenario(text, file="x")
    setting_of(scenario, folder=small.FILE.parent, programmes=_no_programme)
    return scenario


def _no_programme(name: str) -> NoReturn:
    raise AssertionError(name)
