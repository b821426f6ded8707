"""What `usage` promises: closed segments, said the same way for ever, that never overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from dure.protocol import UsageRecord

if TYPE_CHECKING:
    from tests.contract.conftest import Driver

HOUR_S = 3600
FAR = timedelta(days=3000)


@pytest.fixture
def history(site: Driver) -> Driver:
    """Lent work, taken back by an owner's, resumed; a day with several starts and ends."""
    site.bind("A", 3)
    site.lend("B")
    lent = site.borrow("B", 4)
    site.until(lent, "running")
    for _ in range(3):
        site.elapse(5 * HOUR_S)
        owner = site.owner("A", 3)
        site.until(owner, "running")
        site.elapse(3 * HOUR_S + 17)
        site.engine.cancel(owner)
        site.until(owner)
        site.until(lent, "running")
    site.elapse(30 * HOUR_S)
    site.settle()
    return site


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


def test_segments_never_hold_more_than_there_is(history: Driver) -> None:
    records = history.engine.usage(None, history.now() + FAR).usage
    assert {r.kind for r in records} == {"owner", "lent"}
    assert _most_at_once(records) == 4


def test_the_segments_of_an_attempt_follow_each_other_and_only_the_last_has_an_outcome(
    history: Driver,
) -> None:
    attempts: dict[tuple[str, int], list[UsageRecord]] = {}
    for record in history.engine.usage(None, history.now() + FAR).usage:
        attempts.setdefault((record.job, record.attempt), []).append(record)
    for segments in attempts.values():
        assert all(a.end == b.start for a, b in pairwise(segments))
        assert all(s.outcome == "running" for s in segments[:-1])
    lent = [segments for (_, n), segments in sorted(attempts.items()) if segments[0].kind == "lent"]
    assert [segments[-1].outcome for segments in lent] == [*["preempted"] * 3, "running"]


def test_the_same_question_has_the_same_answer_later(history: Driver) -> None:
    instants = [history.now() - timedelta(hours=h) for h in (40, 33, 20, 2)]
    first = [history.engine.usage(None, instant) for instant in instants]
    history.elapse(50 * HOUR_S)
    history.settle()
    assert [history.engine.usage(None, instant) for instant in instants] == first


def test_batches_one_after_the_other_say_every_segment_once(history: Driver) -> None:
    whole = history.engine.usage(None, history.now() - timedelta(hours=1))
    parts: list[UsageRecord] = []
    since = None
    for hours in (50, 41, 37, 13, 1):
        until = history.now() - timedelta(hours=hours)
        parts += history.engine.usage(since, until).usage
        since = until
    keys = [(r.job, r.attempt, r.start) for r in parts]
    assert len(set(keys)) == len(keys)
    assert {(k, r.end) for k, r in zip(keys, parts, strict=True)} == {
        ((r.job, r.attempt, r.start), r.end) for r in whole.usage
    }


def test_every_segment_before_complete_through_has_been_said(history: Driver) -> None:
    early = history.engine.usage(None, history.now() - timedelta(hours=20))
    late = history.engine.usage(None, history.now() + FAR)
    said = set(early.usage)
    assert early.complete_through > min(r.start for r in late.usage)
    assert all(r in said for r in late.usage if r.start < early.complete_through)


def test_nothing_is_settled_that_may_still_change(site: Driver) -> None:
    site.bind("A", 2)
    job = site.owner("A", 2)
    started = site.until(job, "running").started
    assert started is not None
    batch = site.engine.usage(None, site.now() + FAR)
    assert batch.usage == ()
    assert batch.complete_through <= started
