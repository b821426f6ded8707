"""What an agent says of its site's nodes: what is new, once, and all of it now and then."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dure.agent.reconciling import reconcile
from dure.agent.watching import SAY_AGAIN, NodeWatch
from dure.backends.contract import Change, Observed, UnableToApplyNow
from dure.protocol import Desired, DeviceEvent, Drain, Drift, Maintenance, NodeHealth

NOW = datetime(2026, 4, 3, 12, tzinfo=UTC)
UP = NodeHealth(node="n1", pool="p", state="up")
DOWN = NodeHealth(node="n1", pool="p", state="down")
XID = DeviceEvent(node="n1", device="0", kind="xid", code="79", at=NOW)


@dataclass
class Site:
    """An engine that watches its nodes and keeps maintenance."""

    nodes: tuple[NodeHealth, ...] = (UP,)
    reported: tuple[DeviceEvent, ...] = ()
    away: bool = False
    trouble: Exception | None = None
    kept: list[tuple[tuple[Maintenance, ...], tuple[Drain, ...]]] = field(default_factory=list)

    def health(self) -> tuple[NodeHealth, ...]:
        if self.trouble is not None:
            raise self.trouble
        if self.away:
            raise UnableToApplyNow("slurmctld does not answer")
        return self.nodes

    def events(self) -> tuple[DeviceEvent, ...]:
        return self.reported

    def observed(self) -> Observed:
        return Observed()

    def apply(self, change: Change) -> None:
        raise AssertionError(change)

    def maintain(
        self, windows: tuple[Maintenance, ...], drains: tuple[Drain, ...]
    ) -> tuple[Drift, ...]:
        if self.away:
            raise UnableToApplyNow("slurmctld does not answer")
        self.kept.append((windows, drains))
        return (Drift(subject="node n1", expected="drained", found="idle"),)


def say(watch: NodeWatch, at: datetime = NOW) -> tuple[object, object]:
    watch.look()
    health, events = watch.news(at)
    watch.said(health, events, at)
    return health, events


def test_health_is_said_whole_where_it_differs_and_not_again() -> None:
    site = Site()
    watch = NodeWatch(site)
    assert say(watch) == ((UP,), ())
    assert not watch.has_news
    assert say(watch) == ((), ())
    site.nodes = (DOWN,)
    watch.look()
    assert watch.has_news
    assert say(watch) == ((DOWN,), ())


def test_all_of_it_is_said_again_within_the_hour_without_a_report_for_it_alone() -> None:
    watch = NodeWatch(Site())
    say(watch)
    watch.look()
    assert not watch.has_news
    assert say(watch, NOW + SAY_AGAIN) == ((UP,), ())


def test_an_event_is_said_once_by_each_process() -> None:
    site = Site(reported=(XID,))
    watch = NodeWatch(site)
    assert say(watch) == ((UP,), (XID,))
    assert say(watch) == ((), ())
    later = XID.model_copy(update={"at": NOW + timedelta(hours=1)})
    site.reported = (XID, later)
    assert say(watch) == ((), (later,))
    assert say(NodeWatch(site)) == ((UP,), (XID, later))


def test_what_was_not_spooled_is_news_still() -> None:
    watch = NodeWatch(Site(reported=(XID,)))
    watch.look()
    watch.news(NOW)  # the spool was full
    assert say(watch) == ((UP,), (XID,))


def test_an_engine_that_is_away_has_no_news() -> None:
    site = Site()
    watch = NodeWatch(site)
    say(watch)
    site.away, site.nodes = True, (DOWN,)
    assert say(watch) == ((), ())


def test_nodes_that_cannot_be_read_are_a_problem_and_events_are_told_all_the_same() -> None:
    site = Site(reported=(XID,), trouble=ZeroDivisionError("a bug"))
    watch = NodeWatch(site)
    assert watch.look() == ["nodes: ZeroDivisionError: a bug"]
    assert watch.news(NOW) == ((), (XID,))


def test_an_engine_without_eyes_says_nothing() -> None:
    watch = NodeWatch(object())
    assert say(watch) == ((), ())
    assert not watch.has_news


def test_maintenance_and_drains_are_kept_at_every_reconciliation_and_said_where_they_are_not() -> (
    None
):
    site = Site()
    drain = Drain(id="7", pool="p", node="n1")
    desired = Desired(cluster="c", revision=1, drains=(drain,))
    done = reconcile(site, desired)  # type: ignore[arg-type]  # neither usage nor inventory
    assert site.kept == [((), (drain,))]
    assert [drift.subject for drift in done.drift] == ["node n1"]
    site.away = True
    done = reconcile(site, desired)  # type: ignore[arg-type]  # as above
    assert [drift.subject for drift in done.drift] == ["maintenance and drains"]
