"""From what the cluster holds to what it should hold, as single changes in a safe order.

- All reductions come before all increases, so no pool is over-promised at any step.
- A binding that shrinks in one way and grows in another is two changes: first the smaller of
  both (still under its old generation), then the new one. A longer period is growth too.
- Only objects marked as ours are in `observed`, so no others are ever named.
- Equal states need no change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dure.backends.contract import (
    Change,
    Observed,
    RemoveBinding,
    RemoveLent,
    SetBinding,
    SetGrace,
    SetLent,
)
from dure.protocol import AllocationState, Binding, Desired, LentShare

_FREEDOM: Final[dict[AllocationState, int]] = {"ended": 0, "draining": 1, "frozen": 2, "active": 3}
"""How much a binding in this state may still do."""


def diff(desired: Desired, observed: Observed) -> tuple[Change, ...]:
    """The changes that turn `observed` into `desired`, reductions first."""
    grace: list[Change] = (
        [] if desired.grace_s == observed.grace_s else [SetGrace(grace_s=desired.grace_s)]
    )
    bindings_down, bindings_up = _bindings(desired.bindings, observed.bindings)
    lent_down, lent_up = _lent(desired.lent, observed.lent)
    return (*grace, *lent_down, *bindings_down, *bindings_up, *lent_up)


def _bindings(
    desired: Iterable[Binding], observed: Iterable[Binding]
) -> tuple[list[Change], list[Change]]:
    wanted = {(b.allocation, b.pool): b for b in desired}
    held = {(b.allocation, b.pool): b for b in observed}
    down: list[Change] = [
        RemoveBinding(allocation=allocation, pool=pool)
        for allocation, pool in sorted(held.keys() - wanted.keys())
    ]
    up: list[Change] = []
    for key, want in sorted(wanted.items()):
        have = held.get(key)
        if have is None:
            up.append(SetBinding(binding=want))
        elif want is not have and want != have:  # mostly the same object: cheap
            _step(want, have, down, up)
    return down, up


def _step(want: Binding, have: Binding, down: list[Change], up: list[Change]) -> None:
    starts, ends = max(want.starts, have.starts), min(want.ends, have.ends)
    least: dict[str, object] = {
        "servers": min(want.servers, have.servers),
        "accelerators": min(want.accelerators, have.accelerators),
        "state": min(want.state, have.state, key=_FREEDOM.__getitem__),
        "accelerator_seconds": _smaller(want.accelerator_seconds, have.accelerator_seconds),
    }
    if starts < ends:
        least |= {"starts": starts, "ends": ends}
    else:  # no instant is common: nothing is promised until the new period is
        least |= {"servers": 0, "accelerators": 0}
    smaller = have.model_copy(update=least)
    if _extent(want) == _extent(smaller):
        down.append(SetBinding(binding=want))
        return
    if smaller != have:
        down.append(SetBinding(binding=smaller))
    up.append(SetBinding(binding=want))


def _extent(binding: Binding) -> tuple[object, ...]:
    period = (binding.starts, binding.ends)
    return binding.servers, binding.accelerators, binding.state, period, binding.accelerator_seconds


def _smaller(one: int | None, other: int | None) -> int | None:
    """Of two budgets; none at all is without end."""
    return min((budget for budget in (one, other) if budget is not None), default=None)


def _lent(
    desired: Iterable[LentShare], observed: Iterable[LentShare]
) -> tuple[list[Change], list[Change]]:
    wanted = {(s.project, s.pool): s for s in desired}
    held = {(s.project, s.pool): s for s in observed}
    down: list[Change] = [
        RemoveLent(project=project, pool=pool)
        for project, pool in sorted(held.keys() - wanted.keys())
    ]
    up: list[Change] = []
    for key, want in sorted(wanted.items(), key=lambda item: (item[1].order, item[0])):
        have = held.get(key)
        if want is not have and want != have:
            grows = have is None or want.max_accelerators > have.max_accelerators
            (up if grows else down).append(SetLent(share=want))
    return down, up
