"""One step of the agent: the site is tended with or without the hub, and all is said once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from tests.unit.agent.site_hub import BEARER, CLUSTER, SiteHub

from dure.agent.loop import Agent
from dure.agent.spool import Limits
from dure.agent.state import Home, StateFolder
from dure.backends.contract import (
    Change,
    ChangeRefused,
    Observed,
    RemoveBinding,
    SetBinding,
    SetGrace,
    UnableToApplyNow,
    UsageBatch,
)
from dure.client import HubAway, Patience, Refused, SiteClient
from dure.protocol import (
    Binding,
    Capabilities,
    Credential,
    Desired,
    PoolInventory,
    UsageRecord,
)

START = datetime(2026, 3, 1, tzinfo=UTC)


class Engine:
    """Holds bindings and counts one job; raises what it is told to for an allocation."""

    def __init__(self) -> None:
        self.held: dict[str, Binding] = {}
        self.grace_s = 30
        self.applied: list[Change] = []
        self.trouble: dict[str, Exception] = {}
        self.away: Exception | None = None
        self.minutes = 0

    def capabilities(self) -> Capabilities:
        return Capabilities(
            engine="fake", enforces_limits=True, preempts_lent=False, requeues_lent=False
        )

    def inventory(self) -> tuple[PoolInventory, ...]:
        if self.away:
            raise self.away
        return (PoolInventory(pool="p", model="m", nodes=4, accelerators=32),)

    def observed(self) -> Observed:
        if self.away:
            raise self.away
        bindings = tuple(self.held[name] for name in sorted(self.held))
        return Observed(bindings=bindings, grace_s=self.grace_s)

    def apply(self, change: Change) -> None:
        self.applied.append(change)
        match change:
            case SetBinding(binding=binding):
                if error := self.trouble.get(binding.allocation):
                    raise error
                self.held[binding.allocation] = binding
            case RemoveBinding(allocation=allocation):
                if error := self.trouble.get(allocation):
                    raise error
                self.held.pop(allocation, None)
            case SetGrace(grace_s=grace_s):
                self.grace_s = grace_s

    def usage(self, since: datetime | None, until: datetime) -> UsageBatch:
        """A job since START in segments of a minute, cut at whole minutes."""
        if self.away:
            raise self.away
        edges = [START + timedelta(minutes=n) for n in range(self.minutes + 1)]
        done = [(a, b) for a, b in pairwise(edges) if b <= until]
        fresh = [(a, b) for a, b in done if since is None or b > since]
        records = tuple(
            UsageRecord(
                start=a, end=b, job="j", attempt=1, kind="lent", allocation=None, project="pr",
                pool="p", username="u", accelerators=1, outcome="running",
            )
            for a, b in fresh
        )  # fmt: skip
        return UsageBatch(usage=records, complete_through=done[-1][1] if done else START)


class Site:
    """An agent, its engine, its hub and its clock."""

    def __init__(self, folder: Path) -> None:
        self.hub = SiteHub()
        self.engine = Engine()
        self.now = START
        self.unplugged = False
        self.state = StateFolder(folder)
        self.limits: Limits | None = None
        expires = START + timedelta(days=90)
        credential = Credential.model_validate(
            {"cluster": CLUSTER, "token": BEARER, "expires": expires}
        )
        self.state.keep_home(Home(hub="http://hub", credential=credential, issued_at=START))

    def agent(self) -> Agent:
        """As after a restart: nothing but the disk is carried over."""
        return Agent(
            state=self.state,
            spool=self.state.spool(self.limits),
            backend=self.engine,
            connect=self._connect,
            clock=lambda: self.now,
        )

    def after(self, minutes: int) -> Agent:
        self.now += timedelta(minutes=minutes)
        self.engine.minutes += minutes
        return self.agent()

    def starts(self) -> list[str]:
        return [record[2] for record in self.hub.usage()]

    def _connect(self, home: Home) -> SiteClient:
        token = home.credential.token.get_secret_value()
        patience = Patience(tries=2, sleep=lambda _: None)
        return SiteClient(home.hub, token, _Cable(self), patience=patience)


class _Cable(httpx.BaseTransport):
    def __init__(self, site: Site) -> None:
        self._site = site
        self._inner = httpx.WSGITransport(app=site.hub)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._site.unplugged:
            raise httpx.ConnectError("unplugged", request=request)
        return self._inner.handle_request(request)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "state")
    yield made
    made.hub.database.close()


def binding(allocation: str, accelerators: int = 8, generation: int = 1) -> Binding:
    return Binding(
        allocation=allocation, project="pr", pool="p", servers=1, accelerators=accelerators,
        starts=START, ends=START + timedelta(days=30), generation=generation,
    )  # fmt: skip


def want(site: Site, revision: int, *bindings: Binding) -> None:
    site.hub.want(Desired(cluster=CLUSTER, revision=revision, bindings=bindings))


def test_what_the_hub_wants_is_applied_and_reported(site: Site) -> None:
    want(site, 3, binding("A"), binding("B"))
    site.agent().step()
    assert set(site.engine.held) == {"A", "B"}
    (report,) = site.hub.reports()
    assert (report.applied_revision, report.drift) == (3, ())
    assert report.inventory[0].accelerators == 32
    assert report.capabilities is not None


def test_a_quiet_site_is_not_reported_more_often_than_due(site: Site) -> None:
    agent = site.agent()
    for _ in range(4):
        agent.step()
    site.now += timedelta(seconds=30)
    agent.step()
    assert len(site.hub.reports()) == 2


@pytest.mark.parametrize("status", [None, 500, 409, 401])
def test_the_site_runs_on_and_reports_wait_while_the_hub_cannot_be_reached(
    site: Site, status: int | None
) -> None:
    want(site, 1, binding("A"))
    site.agent().step()
    site.unplugged, site.hub.answer_with = status is None, status
    site.engine.held.clear()  # somebody changed the engine by hand meanwhile
    for _ in range(3):
        step = site.after(5).step()
        assert isinstance(step.sent.error, HubAway if status in {None, 500} else Refused)
    assert set(site.engine.held) == {"A"}
    assert site.state.spool().backlog().reports == 3
    site.unplugged, site.hub.answer_with = False, None
    assert site.after(5).step().sent.moved == 4
    numbers = [report.sequence for report in site.hub.reports()]
    assert numbers == sorted(numbers) == list(range(5))
    assert len(site.starts()) == len(set(site.starts())) == 20


def test_a_lost_receipt_says_a_report_twice_and_counts_it_once(site: Site) -> None:
    site.agent().step()
    site.hub.lose_receipts = 2
    assert isinstance(site.after(2).step().sent.error, HubAway)
    site.after(1).step()
    assert len(site.starts()) == 3
    assert [times for *_, times in site.hub.usage()] == [3, 3, 1]
    assert site.hub.conflicts() == []


def test_a_crash_between_collecting_and_spooling_loses_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.after(2).step()
    with monkeypatch.context() as patch:
        patch.setattr("dure.agent.spool.Spool.add", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            site.after(2).step()
    site.after(2).step()
    assert len(site.starts()) == 6


def test_a_full_spool_is_said_and_loses_no_usage(site: Site) -> None:
    site.limits = Limits(waiting_bytes=3_000)
    site.unplugged = True
    problems = [problem for _ in range(6) for problem in site.after(3).step().site.problems]
    assert any("spool is full" in problem for problem in problems)
    site.unplugged = False
    site.after(1).step()  # makes room
    site.limits = None
    site.after(1).step()
    assert len(site.starts()) == site.engine.minutes


def test_a_large_batch_is_said_in_parts_and_only_the_last_moves_the_cursor(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dure.agent.loop.RECORDS_PER_REPORT", 2)
    site.after(5).step()
    reports = site.hub.reports()
    assert [len(report.usage) for report in reports] == [2, 2, 1]
    assert [report.complete_through for report in reports[:2]] == [None, None]
    assert reports[2].complete_through == START + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UnableToApplyNow("busy"), "retry"),
        (ChangeRefused("no such pool"), "final"),
        (ZeroDivisionError("a bug"), "unknown"),
    ],
)
def test_one_failing_change_stops_no_other_and_is_reported_as_drift(
    site: Site, error: Exception, kind: str
) -> None:
    want(site, 1, binding("A"), binding("B"), binding("C"))
    site.engine.trouble["B"] = error
    step = site.agent().step()
    assert set(site.engine.held) == {"A", "C"}
    assert [failure.kind for failure in step.site.reconciled.failures] == [kind]
    (drift,) = site.hub.reports()[-1].drift
    assert drift.subject == "allocation B on p"
    assert str(error) in drift.found
    site.engine.trouble.clear()
    site.agent().step()
    assert site.hub.reports()[-1].drift == ()


def test_an_increase_waits_where_a_reduction_on_its_pool_failed(site: Site) -> None:
    want(site, 1, binding("A", 24))
    site.agent().step()
    want(site, 2, binding("A", 8, generation=2), binding("B", 24))
    site.engine.trouble["A"] = UnableToApplyNow("busy")
    site.agent().step()
    assert {name: held.accelerators for name, held in site.engine.held.items()} == {"A": 24}
    site.engine.trouble.clear()
    site.agent().step()
    assert {name: held.accelerators for name, held in site.engine.held.items()} == {"A": 8, "B": 24}


def test_an_engine_that_cannot_be_read_is_reported_and_counted_later(site: Site) -> None:
    want(site, 1, binding("A"))
    site.after(1).step()
    site.engine.away = UnableToApplyNow("slurmctld does not answer")
    site.after(2).step()
    last = site.hub.reports()[-1]
    assert [drift.subject for drift in last.drift] == ["engine"]
    assert last.complete_through == START + timedelta(minutes=1)
    site.engine.away = None
    site.after(1).step()
    assert len(site.starts()) == 4


@pytest.mark.parametrize("question", ["capabilities", "inventory", "observed", "usage"])
def test_a_question_that_fails_keeps_nothing_else_from_being_said(
    site: Site, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    want(site, 1, binding("A"))
    site.after(1).step()

    def fails(*_: object) -> None:
        raise ChangeRefused("scontrol: Invalid argument")

    monkeypatch.setattr(site.engine, question, fails)
    site.after(20).step()
    step = site.after(1).step()
    assert "scontrol: Invalid argument" in str(step.site.problems)
    last = site.hub.reports()[-1]
    assert last.said_at == site.now
    assert [drift.subject for drift in last.drift] == ["engine"] * (question == "observed")
    counted = 1 if question == "usage" else 22
    assert last.complete_through == START + timedelta(minutes=counted)
    assert bool(last.inventory) == (question != "inventory")


def test_use_that_cannot_be_said_for_a_moment_is_no_problem(site: Site) -> None:
    site.after(1).step()
    lag = UnableToApplyNow("slurmctld has 3 messages for slurmdbd that wait")
    site.engine.usage = lambda *_: (_ for _ in ()).throw(lag)  # type: ignore[method-assign]  # lags
    assert site.after(14).step().site.problems == ()
    (said,) = site.after(1).step().site.problems
    assert said == f"usage: {lag}"


def test_a_document_of_another_cluster_is_not_obeyed(site: Site) -> None:
    site.hub.want(Desired(cluster="elsewhere", revision=9, bindings=(binding("A"),)))
    site.agent().step()
    assert site.engine.held == {}


def test_the_cursor_never_goes_back_with_the_clock(site: Site) -> None:
    site.after(5).step()
    site.now -= timedelta(minutes=3)
    site.agent().step()
    assert site.hub.reports()[-1].complete_through == START + timedelta(minutes=5)


def test_the_credential_is_rotated_in_time_and_kept_before_it_is_used(site: Site) -> None:
    site.now = START + timedelta(days=80)
    site.agent().step()
    assert site.hub.rotations == 1
    assert site.state.home().credential.token.get_secret_value() == f"{BEARER}-1"
    assert site.state.home().issued_at == site.now
    assert (site.state.root / "credential.json").stat().st_mode & 0o777 == 0o600
    site.now += timedelta(minutes=1)
    assert site.agent().step().sent.error is None
