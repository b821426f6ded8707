"""Changes in words, and which of them promise more than before.

- Pure. The words go into drift, logs and the dry run; codes are not needed, operators read them.
"""

from __future__ import annotations

from dure.backends.contract import (
    Change,
    Observed,
    RemoveBinding,
    RemoveLent,
    SetBinding,
    SetGrace,
    SetLent,
)
from dure.protocol import Binding, LentShare

NOTHING = "nothing"


def subject(change: Change) -> str:
    """What the change is about, the same before and after."""
    match change:
        case SetBinding(binding=binding):
            return f"allocation {binding.allocation} on {binding.pool}"
        case RemoveBinding(allocation=allocation, pool=pool):
            return f"allocation {allocation} on {pool}"
        case SetLent(share=share):
            return f"lent share of {share.project} on {share.pool}"
        case RemoveLent(project=project, pool=pool):
            return f"lent share of {project} on {pool}"
        case SetGrace():
            return "grace period"


def expected(change: Change) -> str:
    """How it should be after the change."""
    match change:
        case SetBinding(binding=binding):
            return _binding(binding)
        case SetLent(share=share):
            return _share(share)
        case SetGrace(grace_s=grace_s):
            return f"{grace_s} s"
        case RemoveBinding() | RemoveLent():
            return NOTHING


def found(change: Change, observed: Observed) -> str:
    """How it is now."""
    if isinstance(change, SetGrace):
        return f"{observed.grace_s} s"
    if isinstance(change, SetBinding | RemoveBinding):
        binding = _held_binding(change, observed)
        return NOTHING if binding is None else _binding(binding)
    share = _held_share(change, observed)
    return NOTHING if share is None else _share(share)


def pool(change: Change) -> str | None:
    """The pool it acts on; None for the whole cluster."""
    match change:
        case SetBinding(binding=binding):
            return binding.pool
        case SetLent(share=share):
            return share.pool
        case RemoveBinding(pool=name) | RemoveLent(pool=name):
            return name
        case SetGrace():
            return None


def promises_more(change: Change, observed: Observed) -> bool:
    """Whether it raises what an owner is guaranteed (lent shares guarantee nothing)."""
    if not isinstance(change, SetBinding):
        return False
    held = _held_binding(change, observed)
    return held is None or change.binding.accelerators > held.accelerators


def line(change: Change, observed: Observed) -> str:
    """One line of the dry run."""
    return f"{subject(change)}: {found(change, observed)} -> {expected(change)}"


def _binding(binding: Binding) -> str:
    return (
        f"accelerators: {binding.accelerators}, {_budget(binding)}{binding.state}, "
        f"{binding.starts:%Y-%m-%d %H:%M} to {binding.ends:%Y-%m-%d %H:%M}, "
        f"members: {len(binding.members)}, generation {binding.generation}"
    )


def _budget(binding: Binding) -> str:
    budget = binding.accelerator_seconds
    return "" if budget is None else f"{budget // 3600} accelerator-hours in all, "


def _share(share: LentShare) -> str:
    return (
        f"accelerators: up to {share.max_accelerators}, place {share.order}, "
        f"members: {len(share.members)}"
    )


def _held_binding(change: SetBinding | RemoveBinding, observed: Observed) -> Binding | None:
    of = change.binding if isinstance(change, SetBinding) else change
    return next(
        (b for b in observed.bindings if (b.allocation, b.pool) == (of.allocation, of.pool)), None
    )


def _held_share(change: SetLent | RemoveLent, observed: Observed) -> LentShare | None:
    of = change.share if isinstance(change, SetLent) else change
    return next((s for s in observed.lent if (s.project, s.pool) == (of.project, of.pool)), None)
