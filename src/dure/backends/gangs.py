"""Which job starts, waits or makes room: the one decision of the engines we run ourselves.

- Pure: the same board and the same instant give the same decision.
- A gang starts whole or not at all.
- An owner's jobs start in the order of submission, up to the entitlement and no further, idle
  accelerators or not. An allocation's smaller job does not overtake its larger one that fits.
- Only guaranteed work makes room for itself: among lent jobs the smallest number that suffices,
  the youngest of them, then jobs beyond their own lowered entitlement. Where nothing suffices,
  nobody is preempted.
- What is being freed is held for the job it is freed for, so that it is not lent again meanwhile
  (engines that do not hold it start and stop the same lent job for ever).
- Lent work runs on what is idle now, in the order of the shares.
- A job told to stop holds its accelerators until it is gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from dure.protocol import Binding, LentShare
from dure.vocabulary.plans import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """An unfinished job. `sequence` is the order of submission, `started` that of the starts."""

    job: str
    sequence: int
    project: str
    allocation: str | None
    accelerators: int
    state: Literal["pending", "running", "stopping"]
    started: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """Start these, preempt those (they wait again), end those for good; and why others wait."""

    starts: tuple[str, ...] = ()
    preempts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    waits: dict[str, Reason] = field(default_factory=dict)


def in_force(binding: Binding, now: datetime) -> bool:
    """Whether jobs under it may hold accelerators at `now`."""
    return binding.state != "ended" and binding.starts <= now < binding.ends


def decide(
    *,
    capacity: int,
    now: datetime,
    bindings: Iterable[Binding],
    lent: Iterable[LentShare],
    work: Sequence[Work],
) -> Decision:
    """One pool's next steps."""
    board = _Board(capacity, now, bindings, lent, work)
    board.end_what_lost_its_binding()
    board.withdraw_what_lost_its_share()
    board.fit_into_capacity()
    board.serve_owners()
    board.lend_the_rest()
    return Decision(tuple(board.starts), tuple(board.preempts), tuple(board.ends), board.waits)


class _Board:
    def __init__(
        self,
        capacity: int,
        now: datetime,
        bindings: Iterable[Binding],
        lent: Iterable[LentShare],
        work: Sequence[Work],
    ) -> None:
        self.bindings = {b.allocation: b for b in bindings}
        self.live = {a: b for a, b in self.bindings.items() if in_force(b, now)}
        self.shares = {s.project: s for s in lent}
        ordered = sorted(work, key=lambda w: w.sequence)
        self.pending = [w for w in ordered if w.state == "pending"]
        self.running = [w for w in ordered if w.state == "running"]
        self.running.sort(key=lambda w: (w.started, w.sequence), reverse=True)  # youngest first
        self.free = capacity - sum(w.accelerators for w in ordered if w.state != "pending")
        self.coming = sum(w.accelerators for w in ordered if w.state == "stopping")
        self.held: dict[str | None, int] = defaultdict(int)
        self.lent_held: dict[str, int] = defaultdict(int)
        for item in ordered:
            if item.state != "pending":
                self._count(item)
        self.starts: list[str] = []
        self.preempts: list[str] = []
        self.ends: list[str] = []
        self.waits: dict[str, Reason] = {}

    def end_what_lost_its_binding(self) -> None:
        for item in [w for w in self.running if w.allocation is not None]:
            if item.allocation not in self.live:
                self._stop(item, self.ends)

    def withdraw_what_lost_its_share(self) -> None:
        running = [w for w in self.running if w.allocation is None]
        staying: dict[str, int] = defaultdict(int)
        for item in running:  # what is stopping already has given way
            staying[item.project] += item.accelerators
        for item in running:
            share = self.shares.get(item.project)
            if staying[item.project] > (share.max_accelerators if share else 0):
                staying[item.project] -= item.accelerators
                self._stop(item, self.preempts)

    def fit_into_capacity(self) -> None:
        missing = -self.free - self.coming
        by_kind = sorted(self.running, key=lambda w: w.allocation is not None)
        for item in by_kind:
            if missing <= 0:
                return
            missing -= item.accelerators
            self._stop(item, self.preempts)

    def serve_owners(self) -> None:
        blocked: set[str] = set()
        for item in self.pending:
            if item.allocation is None:
                continue
            reason = self._barred(item, item.allocation, blocked)
            if reason is not None:
                self.waits[item.job] = reason
            elif item.accelerators <= self.free:
                self._start(item)
            else:
                self._make_room(item)

    def _barred(self, item: Work, allocation: str, blocked: set[str]) -> Reason | None:
        """Why its own entitlement keeps it waiting, if it does."""
        binding = self.live.get(allocation)
        if binding is None:
            return Reason(code="job.no_binding", params={"allocation": allocation})
        if binding.state != "active":
            return Reason(
                code="job.binding_closed",
                params={"allocation": allocation, "state": binding.state},
            )
        over = self.held[allocation] + item.accelerators > binding.accelerators
        if over and item.accelerators <= binding.accelerators:
            blocked.add(allocation)  # it comes first among its allocation's jobs
        if over or allocation in blocked:
            return Reason(
                code="job.over_guarantee",
                params={
                    "allocation": allocation,
                    "held": self.held[allocation],
                    "limit": binding.accelerators,
                },
            )
        return None

    def _make_room(self, item: Work) -> None:
        short = item.accelerators - max(0, self.free) - self.coming
        if short > 0:
            victims = fewest_youngest(short, self._lent_running())
            if victims is None:
                victims = self._with_surplus(short)
            if victims is None:
                self.waits[item.job] = Reason(
                    code="job.pool_short", params={"accelerators": item.accelerators}
                )
                return
            for victim in victims:
                self._stop(victim, self.preempts)
        from_free = min(max(0, self.free), item.accelerators)
        self.free -= from_free
        self.coming -= item.accelerators - from_free
        self._count(item)
        self.waits[item.job] = Reason(
            code="job.taking_back", params={"accelerators": item.accelerators}
        )

    def _lent_running(self) -> list[Work]:
        return [w for w in self.running if w.allocation is None]

    def _with_surplus(self, short: int) -> list[Work] | None:
        """All lent jobs and, of those beyond a lowered entitlement, the fewest that suffice."""
        lent = self._lent_running()
        more = fewest_youngest(short - sum(w.accelerators for w in lent), self._surplus())
        return None if more is None else lent + more

    def _surplus(self) -> list[Work]:
        excess = {a: self.held[a] - b.accelerators for a, b in self.live.items()}
        found = []
        for item in self.running:
            if item.allocation is not None and excess.get(item.allocation, 0) > 0:
                excess[item.allocation] -= item.accelerators
                found.append(item)
        return found

    def lend_the_rest(self) -> None:
        waiting = [w for w in self.pending if w.allocation is None]
        for item in sorted(waiting, key=self._lending_order):
            share = self.shares.get(item.project)
            if share is None:
                self.waits[item.job] = Reason(code="job.not_lent", params={"project": item.project})
            elif self.lent_held[item.project] + item.accelerators > share.max_accelerators:
                self.waits[item.job] = Reason(
                    code="job.lent_share_full",
                    params={"project": item.project, "limit": share.max_accelerators},
                )
            elif item.accelerators > self.free:
                self.waits[item.job] = Reason(
                    code="job.nothing_idle",
                    params={"accelerators": item.accelerators, "idle": max(0, self.free)},
                )
            else:
                self._start(item)

    def _lending_order(self, item: Work) -> tuple[int, int]:
        share = self.shares.get(item.project)
        return (share.order if share else 0, item.sequence)

    def _start(self, item: Work) -> None:
        self.starts.append(item.job)
        self.free -= item.accelerators
        self._count(item)

    def _stop(self, item: Work, how: list[str]) -> None:
        how.append(item.job)
        self.running.remove(item)
        self.coming += item.accelerators

    def _count(self, item: Work) -> None:
        if item.allocation is None:
            self.lent_held[item.project] += item.accelerators
        else:
            self.held[item.allocation] += item.accelerators


class _Sized(Protocol):
    @property
    def accelerators(self) -> int: ...


Item = TypeVar("Item", bound=_Sized)


def fewest_youngest(short: int, youngest_first: Sequence[Item]) -> list[Item] | None:
    """The fewest jobs that free `short`, of those the youngest; None where all are too few."""
    sizes = sorted((w.accelerators for w in youngest_first), reverse=True)
    count = next((n for n in range(len(sizes) + 1) if sum(sizes[:n]) >= short), None)
    if count is None:
        return None
    chosen: list[Item] = []
    for index, item in enumerate(youngest_first):
        left = count - len(chosen) - 1
        if left < 0:
            break
        rest = sorted((w.accelerators for w in youngest_first[index + 1 :]), reverse=True)
        if item.accelerators + sum(rest[:left]) >= short:
            chosen.append(item)
            short -= item.accelerators
    return chosen
