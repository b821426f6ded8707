"""Where every accelerator-second of a pool went.

- Each second of each accelerator is exactly one of six: used by its owner, lent, idle in an
  allocation, unallocated, down, the provider's own. The six add up to accelerators x seconds.
- Whole seconds and whole accelerators, one exact sweep over the instants at which anything changes.
- The provider's own share is a number of accelerators, not named nodes: what is down counts first
  against the programme's part, as far as nothing of that part is in use.
- Lent work counts first against the room outside allocations: there it costs no owner anything.
- Records that cannot all be true stop the account and are named; nothing is trimmed to fit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import AwareDatetime, Field, model_validator

from dure.quantities import Period
from dure.vocabulary.frozen import Frozen

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

_NAMED_RECORDS = 12
"""How many records an error names: enough to find the fault, short enough to read (our choice)."""


class UnableToAccount(ValueError):
    """Records of one instant contradict each other.

    `pool`, `instant` and `records` (their keys) say which.
    """

    def __init__(self, *, pool: str, instant: datetime, why: str, records: tuple[str, ...]) -> None:
        self.pool = pool
        self.instant = instant
        self.records = records
        named = ", ".join(records[:_NAMED_RECORDS]) or "none"
        more = f" and {len(records) - _NAMED_RECORDS} more" if len(records) > _NAMED_RECORDS else ""
        super().__init__(f"pool {pool} at {instant.isoformat()}: {why}; records: {named}{more}")


class _Stretch(Frozen):
    start: AwareDatetime
    end: AwareDatetime
    accelerators: int = Field(ge=0)

    @model_validator(mode="after")
    def _whole_and_forward(self) -> _Stretch:
        if self.end <= self.start:
            raise ValueError("it ends after it starts")
        if self.start.microsecond or self.end.microsecond:
            raise ValueError("it is cut at whole seconds")
        return self


class Held(_Stretch):
    """Accelerators that one job attempt held. `key` names the usage record."""

    kind: Literal["owner", "lent"]
    allocation: str | None
    project: str
    key: str

    @model_validator(mode="after")
    def _owner_has_allocation(self) -> Held:
        if self.kind == "owner" and self.allocation is None:
            raise ValueError("owner's work names its allocation")
        return self


class Down(_Stretch):
    """Accelerators of one node that was down. Overlapping records of a node count once."""

    node: str


class Entitled(_Stretch):
    """One stretch of an allocation's entitlement; a shrink ends one and starts another."""

    allocation: str


class PoolFacts(Frozen):
    """All that is known of one pool over at least the period to account for."""

    pool: str
    accelerators: int = Field(ge=0)
    own_accelerators: int = Field(ge=0)
    held: tuple[Held, ...] = ()
    down: tuple[Down, ...] = ()
    entitled: tuple[Entitled, ...] = ()

    @model_validator(mode="after")
    def _own_is_a_part(self) -> PoolFacts:
        if self.own_accelerators > self.accelerators:
            raise ValueError("the provider's own part is larger than the pool")
        return self


class SixWay(Frozen):
    """The six places an accelerator-second can go, each in accelerator-seconds."""

    used: int
    lent: int
    idle: int
    unallocated: int
    down: int
    own: int

    @property
    def total(self) -> int:
        return self.used + self.lent + self.idle + self.unallocated + self.down + self.own

    def __add__(self, other: SixWay) -> SixWay:
        return SixWay(
            **{name: getattr(self, name) + getattr(other, name) for name in type(self).model_fields}
        )


NOTHING = SixWay(used=0, lent=0, idle=0, unallocated=0, down=0, own=0)


class AllocationUse(Frozen):
    """What one allocation was entitled to and used, in accelerator-seconds."""

    allocation: str
    entitled: int
    used: int


class PoolAccount(Frozen):
    """One pool over one period. `lent_to` is project -> accelerator-seconds."""

    pool: str
    seconds: int
    accelerators: int
    split: SixWay
    allocations: tuple[AllocationUse, ...]
    lent_to: dict[str, int]


def account(facts: PoolFacts, period: Period) -> PoolAccount:
    """Splits every accelerator-second of the pool in `period` six ways.

    Raises UnableToAccount where records contradict each other: more in use than is up, more down
    than exists, or an owner's use beyond the allocation's entitlement at that instant.
    """
    span = _Span(_second(period.start), _second(period.end))
    return PoolAccount(
        pool=facts.pool,
        seconds=span.end - span.start,
        accelerators=facts.accelerators,
        split=_split(facts, span),
        allocations=_uses(facts, span),
        lent_to=_summed(
            (held.project, _amount(held, span)) for held in facts.held if held.kind == "lent"
        ),
    )


class _Span(NamedTuple):
    """Half-open, in whole seconds since 1970."""

    start: int
    end: int


class _Change(NamedTuple):
    """At `at`, so many accelerators more (or fewer) of one kind."""

    at: int
    what: Literal["used", "lent", "down", "entitled"]
    by: int
    allocation: str


def _second(instant: datetime) -> int:
    return (instant - _EPOCH) // _SECOND


def _clipped(stretch: _Stretch, span: _Span) -> _Span | None:
    start = max(_second(stretch.start), span.start)
    end = min(_second(stretch.end), span.end)
    return _Span(start, end) if start < end else None


def _amount(stretch: _Stretch, span: _Span) -> int:
    inside = _clipped(stretch, span)
    return stretch.accelerators * (inside.end - inside.start) if inside else 0


def _summed(amounts: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: defaultdict[str, int] = defaultdict(int)
    for name, amount in amounts:
        sums[name] += amount
    return {name: sums[name] for name in sorted(sums) if sums[name]}


def _uses(facts: PoolFacts, span: _Span) -> tuple[AllocationUse, ...]:
    entitled = _summed((e.allocation, _amount(e, span)) for e in facts.entitled)
    used = _summed(
        (held.allocation or "", _amount(held, span)) for held in facts.held if held.kind == "owner"
    )
    return tuple(
        AllocationUse(allocation=name, entitled=entitled.get(name, 0), used=used.get(name, 0))
        for name in sorted(entitled.keys() | used.keys())
    )


def _changes(facts: PoolFacts, span: _Span) -> Iterator[_Change]:
    for held in facts.held:
        what: Literal["used", "lent"] = "used" if held.kind == "owner" else "lent"
        yield from _edges(_clipped(held, span), what, held.accelerators, held.allocation or "")
    for entitled in facts.entitled:
        inside = _clipped(entitled, span)
        yield from _edges(inside, "entitled", entitled.accelerators, entitled.allocation)
    for inside, accelerators in _down_once(facts.down, span):
        yield from _edges(inside, "down", accelerators, "")


def _edges(
    inside: _Span | None,
    what: Literal["used", "lent", "down", "entitled"],
    accelerators: int,
    allocation: str,
) -> Iterator[_Change]:
    if inside:
        yield _Change(inside.start, what, accelerators, allocation)
        yield _Change(inside.end, what, -accelerators, allocation)


def _down_once(down: tuple[Down, ...], span: _Span) -> Iterator[tuple[_Span, int]]:
    """Each node's downtime with the overlaps taken out: an agent may report a fault twice."""
    until: dict[str, int] = {}
    for record in sorted(down, key=lambda d: (d.start, d.end, d.node, d.accelerators)):
        inside = _clipped(record, span)
        if inside is None:
            continue
        start = max(inside.start, until.get(record.node, inside.start))
        if start < inside.end:
            yield _Span(start, inside.end), record.accelerators
            until[record.node] = inside.end


class _Now:
    """The running counts of the sweep."""

    def __init__(self) -> None:
        self.counts = {"used": 0, "lent": 0, "down": 0, "entitled": 0}
        self.used_of: defaultdict[str, int] = defaultdict(int)
        self.entitled_of: defaultdict[str, int] = defaultdict(int)
        self.touched: set[str] = set()

    def apply(self, change: _Change) -> None:
        self.counts[change.what] += change.by
        if change.what == "used":
            self.used_of[change.allocation] += change.by
            self.touched.add(change.allocation)
        elif change.what == "entitled":
            self.entitled_of[change.allocation] += change.by
            self.touched.add(change.allocation)

    def overused(self) -> str | None:
        """An allocation whose owner uses more than its entitlement, of those that changed."""
        beyond = [name for name in self.touched if self.used_of[name] > self.entitled_of[name]]
        self.touched.clear()
        return min(beyond, default=None)


def _split(facts: PoolFacts, span: _Span) -> SixWay:
    sums = {"used": 0, "lent": 0, "idle": 0, "unallocated": 0, "down": 0}
    changes = sorted(_changes(facts, span), key=lambda change: change.at)
    now, at, index = _Now(), span.start, 0
    while at < span.end:
        while index < len(changes) and changes[index].at == at:
            now.apply(changes[index])
            index += 1
        following = changes[index].at if index < len(changes) else span.end
        for name, accelerators in _shares(facts, now, at).items():
            sums[name] += accelerators * (following - at)
        at = following
    return SixWay(**sums, own=facts.own_accelerators * (span.end - span.start))


def _shares(facts: PoolFacts, now: _Now, at: int) -> dict[str, int]:
    """Accelerators of the programme's part by kind, from this instant to the next change."""
    programme = facts.accelerators - facts.own_accelerators
    used, lent = now.counts["used"], now.counts["lent"]
    if now.counts["down"] > facts.accelerators:
        raise _unable(facts, at, f"{now.counts['down']} down of {facts.accelerators}")
    most_up = min(programme, facts.accelerators - now.counts["down"])
    if used + lent > most_up:
        raise _unable(facts, at, f"{used} used and {lent} lent, but {most_up} were up")
    down = min(now.counts["down"], programme - used - lent)
    up = programme - down
    beyond = now.overused()
    if beyond is not None:
        why = (
            f"the owner used {now.used_of[beyond]} of allocation {beyond}, "
            f"which was entitled to {now.entitled_of[beyond]}"
        )
        raise _unable(facts, at, why, allocation=beyond)
    free = up - used - lent
    room_outside = max(0, up - now.counts["entitled"])
    unallocated = min(free, max(0, room_outside - lent))
    return {
        "used": used,
        "lent": lent,
        "idle": free - unallocated,
        "unallocated": unallocated,
        "down": down,
    }


def _unable(
    facts: PoolFacts, at: int, why: str, *, allocation: str | None = None
) -> UnableToAccount:
    instant = _EPOCH + at * _SECOND
    records = [
        held.key
        for held in facts.held
        if held.start <= instant < held.end and allocation in (None, held.allocation)
    ]
    if allocation is None:
        records += [f"down {d.node}" for d in facts.down if d.start <= instant < d.end]
    return UnableToAccount(pool=facts.pool, instant=instant, why=why, records=tuple(records))
