"""What the engines we run ourselves accept: pure checks before anything is written.

- A pool's bindings that are not ended never promise more than the pool has, at any instant.
- Membership is closed: who is not named may not submit.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dure.backends.contract import ChangeRefused, JobRefused, JobRequest
from dure.protocol import Binding, LentShare, MemberAccess


def check_binding(binding: Binding, *, held: Iterable[Binding], capacity: int) -> None:
    """Raises ChangeRefused for a late actor's binding and for one promise too many.

    `held` are the bindings of the same pool.
    """
    others: list[Binding] = []
    for other in held:
        if other.allocation == binding.allocation:
            if other.generation > binding.generation:
                raise ChangeRefused(
                    f"{binding.allocation} is held at generation {other.generation}, "
                    f"newer than {binding.generation}"
                )
        elif other.state != "ended" and other.starts < binding.ends and binding.starts < other.ends:
            others.append(other)
    promised = _most_at_once(others, binding.starts)
    if binding.state != "ended" and promised + binding.accelerators > capacity:
        raise ChangeRefused(
            f"{binding.pool} has {capacity} accelerators; {promised} are promised to others, "
            f"{binding.accelerators} more do not fit"
        )


def _most_at_once(bindings: list[Binding], since: datetime) -> int:
    """The most that these promise at one instant from `since` on: some begin as others end."""
    return max(
        sum(one.accelerators for one in bindings if one.starts <= instant < one.ends)
        for instant in {since, *(one.starts for one in bindings if one.starts > since)}
    )


def admit(request: JobRequest, *, bindings: Iterable[Binding], lent: Iterable[LentShare]) -> None:
    """Raises JobRefused for a job that could never start under these."""
    if request.allocation is None:
        _admit_lent(request, lent)
    else:
        _admit_owner(request, request.allocation, bindings)


def _admit_owner(request: JobRequest, allocation: str, bindings: Iterable[Binding]) -> None:
    binding = next((b for b in bindings if b.allocation == allocation), None)
    if binding is None:
        raise JobRefused(f"there is no allocation {allocation} on {request.pool}")
    if binding.project != request.project:
        raise JobRefused(f"the allocation {allocation} is not of the project {request.project}")
    if binding.state != "active":
        raise JobRefused(f"the allocation {allocation} is {binding.state} and starts nothing new")
    _fits(request, binding.accelerators, binding.members)


def _admit_lent(request: JobRequest, lent: Iterable[LentShare]) -> None:
    share = next((s for s in lent if s.project == request.project), None)
    if share is None:
        raise JobRefused(f"the project {request.project} has no lent share of {request.pool}")
    _fits(request, share.max_accelerators, share.members)


def _fits(request: JobRequest, limit: int, members: tuple[MemberAccess, ...]) -> None:
    if request.accelerators > limit:
        raise JobRefused(f"the job asks {request.accelerators} accelerators, the limit is {limit}")
    if request.username not in {member.username for member in members}:
        raise JobRefused(f"{request.username} is not a member of {request.project} here")
