"""From "who held what, from when to when" to closed usage segments.

- Pure: the same holdings and the same question give the same segments.
- Instants are whole seconds, rounded down, so holders that follow each other never overlap.
- A holding is cut at fixed instants (`every_s` apart, counted from `origin_s`), never at the
  instant somebody asked: a segment that was said once stays the same for ever.
- A `running` segment up to a cut is said only when its holder was seen to live past that cut;
  otherwise its outcome could still change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from dure.backends.contract import UsageBatch
from dure.protocol import NodeRecord, UsageRecord
from dure.protocol.report import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One attempt of a job on its accelerators; `end_s` is None while it holds them."""

    job: str
    attempt: int
    allocation: str | None
    project: str
    pool: str
    username: str
    accelerators: int
    start_s: int
    end_s: int | None
    outcome: Outcome


def cut(holding: Holding, *, every_s: int, origin_s: int, seen_s: int) -> Iterator[UsageRecord]:
    """The closed segments of one holding, known to be alive at `seen_s` if it has no end."""
    spans = pieces(
        holding.start_s, holding.end_s, every_s=every_s, origin_s=origin_s, seen_s=seen_s
    )
    for start, end in spans:
        ended = end == holding.end_s
        yield _record(holding, start, end, holding.outcome if ended else "running")


def pieces(
    start_s: int, end_s: int | None, *, every_s: int, origin_s: int, seen_s: int
) -> Iterator[tuple[int, int]]:
    """What is closed of anything that lasts from `start_s` on, cut at the fixed instants."""
    start = start_s
    last = seen_s if end_s is None else end_s
    edge = start + every_s - (start - origin_s) % every_s
    while edge < last:
        yield start, edge
        start, edge = edge, edge + every_s
    if end_s is not None and start < last:
        yield start, last


def open_since(holding: Holding, *, every_s: int, origin_s: int, seen_s: int) -> int | None:
    """Where the segment that is not closed yet begins, or None when all of them are."""
    if holding.end_s is not None:
        return None
    return last_cut(holding.start_s, every_s=every_s, origin_s=origin_s, seen_s=seen_s)


def last_cut(start_s: int, *, every_s: int, origin_s: int, seen_s: int) -> int:
    """Where the piece begins that is still open of what lasts since `start_s`."""
    whole = (seen_s - 1 - origin_s) // every_s * every_s + origin_s
    return max(start_s, whole)


def batch(
    *,
    usage: Iterable[UsageRecord],
    nodes: Iterable[NodeRecord] = (),
    open_from: Iterable[datetime],
    since: datetime | None,
    until: datetime,
) -> UsageBatch:
    """What to say when asked for `(since, until]`; `open_from` are the starts not yet said."""
    records = [r for r in usage if since is None or r.end > since]
    downs = [n for n in nodes if since is None or n.end > since]
    late = [r.start for r in (*records, *downs) if r.start < until < r.end]
    complete = min([until, *late, *(instant for instant in open_from if instant < until)])
    return UsageBatch(
        usage=tuple(
            sorted(
                (r for r in records if r.end <= until), key=lambda r: (r.start, r.job, r.attempt)
            )
        ),
        nodes=tuple(sorted((n for n in downs if n.end <= until), key=lambda n: (n.start, n.node))),
        complete_through=complete,
    )


def instant(second: int) -> datetime:
    """A whole second since 1970 as a UTC time."""
    return datetime.fromtimestamp(second, UTC)


def _record(holding: Holding, start: int, end: int, outcome: Outcome) -> UsageRecord:
    return UsageRecord(
        start=instant(start),
        end=instant(end),
        job=holding.job,
        attempt=holding.attempt,
        kind="lent" if holding.allocation is None else "owner",
        allocation=holding.allocation,
        project=holding.project,
        pool=holding.pool,
        username=holding.username,
        accelerators=holding.accelerators,
        outcome=outcome,
    )
