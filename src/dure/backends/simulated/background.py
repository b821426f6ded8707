"""The generated work of one pool over one interval: who holds how much, and until when.

- Planned at the beginning of an interval, within what is up at its worst instant, so that use and
  lent work never exceed what is up, whenever the interval is cut short.
- An owner never holds more than the entitlement. Where the share is not a whole number of nodes,
  the last part of the interval is idle instead.
- What is guaranteed to an allocation without an activity is kept free for its submitted jobs.
- Lent work takes what no owner holds, in equal parts: that of the shares whose project holds
  nothing here. An owner's activity is all the work that the owner has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from dure.backends.simulated.profiles import WHOLE, Activity, busy_permille, held_permille
from dure.protocol import Binding, LentShare, WorkKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Generated work on the pool over [start_s, end_s)."""

    kind: WorkKind
    allocation: str | None
    project: str
    username: str
    accelerators: int
    start_s: int
    end_s: int
    busy_permille: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where the plan is made: [start_s, end_s) of a day, with `up` accelerators at the worst."""

    seed: str
    day: int
    start_s: int
    end_s: int
    up: int
    per_node: int


def plan(
    interval: Interval,
    *,
    bindings: Iterable[Binding],
    activity: Mapping[str, Activity],
    lent: Iterable[LentShare],
) -> list[Span]:
    """The spans of one interval. `bindings` are those in force during all of it."""
    spans: list[Span] = []
    left = interval.up
    kept = 0
    owners = set()
    for binding in sorted(bindings, key=lambda b: b.allocation):
        owners.add(binding.project)
        profile = activity.get(binding.allocation)
        if profile is None:
            kept += binding.accelerators
            continue
        if binding.state != "active":
            continue  # it starts nothing new, and generated jobs are short
        span = _owner(interval, binding, profile, left)
        if span is not None:
            left -= span.accelerators
            spans.append(span)
    others = [share for share in lent if share.project not in owners]
    return spans + _lent(interval, others, left - kept)


def _owner(interval: Interval, binding: Binding, profile: Activity, left: int) -> Span | None:
    share = held_permille(interval.seed, binding.allocation, profile, interval.day)
    exact = binding.accelerators * share  # in thousandths of an accelerator
    nodes = -(-exact // (WHOLE * interval.per_node))
    held = min(nodes * interval.per_node, binding.accelerators, left)
    if held <= 0:
        return None
    length = interval.end_s - interval.start_s
    lasts = min(length, length * exact // (WHOLE * held))
    if lasts <= 0:
        return None
    return Span(
        kind="owner",
        allocation=binding.allocation,
        project=binding.project,
        username=_someone(binding.members[0].username if binding.members else ""),
        accelerators=held,
        start_s=interval.start_s,
        end_s=interval.start_s + lasts,
        busy_permille=busy_permille(interval.seed, binding.allocation, profile, interval.day),
    )


def _lent(interval: Interval, lent: Collection[LentShare], idle: int) -> list[Span]:
    spans = []
    ordered = sorted(lent, key=lambda s: (s.order, s.project))
    for place, share in enumerate(ordered):
        part = -(-idle // (len(ordered) - place))
        held = min(share.max_accelerators, part)
        if held <= 0:
            continue
        idle -= held
        spans.append(
            Span(
                kind="lent",
                allocation=None,
                project=share.project,
                username=_someone(share.members[0].username if share.members else ""),
                accelerators=held,
                start_s=interval.start_s,
                end_s=interval.end_s,
                busy_permille=None,
            )
        )
    return spans


def _someone(username: str) -> str:
    return username or "simulated"
