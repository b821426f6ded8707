"""What `usage` promises: closed segments, said the same way for ever, that never overlap.

- One history for all that is asked of it; an hour of it is as long as the engine's driver says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.contract.engines import FRESH

from dure.backends.contract import SetGrace
from dure.protocol import UsageRecord

if TYPE_CHECKING:
    from tests.contract.engines import Driver

FAR = timedelta(days=3000)
LENGTH_H = 9
"""Of the history, at least."""


@dataclass(frozen=True)
class History:
    """What happened, and when it was over. A cluster also counts what it did before."""

    site: Driver
    over: datetime
    jobs: frozenset[str]

    def before(self, hours: float) -> datetime:
        return self.over - timedelta(seconds=hours * self.site.hour_s)

    def said(self, since: datetime | None, until: datetime) -> tuple[UsageRecord, ...]:
        said = self.site.engine.usage(since, until).usage
        return tuple(record for record in said if record.job in self.jobs)

    def all(self) -> tuple[UsageRecord, ...]:
        return self.said(None, self.over + FAR)


@pytest.fixture(
    scope="module",
    params=FRESH,
)
def history(request: pytest.FixtureRequest) -> Iterator[History]:
    """Lent work, taken back by an owner's, resumed; a day with several starts and ends."""
    make: Callable[[], AbstractContextManager[Driver]] = request.param
    with make() as site:
        site.engine.apply(SetGrace(grace_s=5))
        site.bind("A", 3)
        site.lend("B")
        lent = site.borrow("B", 4)
        site.until(lent, "running")
        for _ in range(3):
            site.elapse(site.hour_s)
            owner = site.owner("A", 3)
            site.until(owner, "running")
            site.elapse(site.hour_s + site.hour_s // 17)
            site.engine.cancel(owner)
            site.until(owner)
            site.until(lent, "running")
        site.elapse(3 * site.hour_s)
        site.settle()
        yield History(site, site.now(), frozenset(job.job for job in site.engine.jobs()))


def _most_at_once(records: Iterable[UsageRecord]) -> int:
    steps: Counter[float] = Counter()
    for record in records:
        steps[record.start.timestamp()] += record.accelerators
        steps[record.end.timestamp()] -= record.accelerators
    held = most = 0
    for _, step in sorted(steps.items()):
        held += step
        most = max(most, held)
    return most


def test_segments_never_hold_more_than_there_is(history: History) -> None:
    records = history.all()
    assert {r.kind for r in records} == {"owner", "lent"}
    assert _most_at_once(records) == 4


def test_the_segments_of_an_attempt_follow_each_other_and_only_the_last_has_an_outcome(
    history: History,
) -> None:
    attempts: dict[tuple[str, int], list[UsageRecord]] = {}
    for record in history.all():
        attempts.setdefault((record.job, record.attempt), []).append(record)
    for segments in attempts.values():
        assert all(a.end == b.start for a, b in pairwise(segments))
        assert all(s.outcome == "running" for s in segments[:-1])
    lent = [segments for (_, n), segments in sorted(attempts.items()) if segments[0].kind == "lent"]
    assert [segments[-1].outcome for segments in lent] == [*["preempted"] * 3, "running"]


def test_the_same_question_has_the_same_answer_later(history: History) -> None:
    instants = [history.before(hours) for hours in (LENGTH_H - 2, 5, 4, 3)]
    engine = history.site.engine
    first = [engine.usage(None, instant) for instant in instants]
    history.site.elapse(3 * history.site.hour_s)
    history.site.settle()
    assert [engine.usage(None, instant) for instant in instants] == first


def test_batches_one_after_the_other_say_every_segment_once(history: History) -> None:
    whole = history.said(None, history.before(3))
    parts: list[UsageRecord] = []
    since = None
    for hours in (LENGTH_H - 1, 6, 5, 4, 3):
        until = history.before(hours)
        parts += history.said(since, until)
        since = until
    keys = [(r.job, r.attempt, r.start) for r in parts]
    assert len(set(keys)) == len(keys)
    assert {(k, r.end) for k, r in zip(keys, parts, strict=True)} == {
        ((r.job, r.attempt, r.start), r.end) for r in whole
    }


def test_every_segment_before_complete_through_has_been_said(history: History) -> None:
    early = history.site.engine.usage(None, history.before(5))
    late = history.all()
    said = set(early.usage)
    assert early.complete_through > min(r.start for r in late)
    assert all(r in said for r in late if r.start < early.complete_through)


def test_nothing_is_settled_that_may_still_change(history: History) -> None:
    site = history.site
    before = site.now()
    job = site.owner("A", 2)
    started = site.until(job, "running").started
    assert started is not None
    batch = site.engine.usage(before, site.now() + FAR)
    assert all(r.job != job for r in batch.usage)
    assert batch.complete_through <= started
