"""What the engines we run ourselves accept: pure checks before anything is written.

- A pool's bindings that are not ended never promise more than the pool has.
- Membership is closed: who is not named may not submit.
"""

from __future__ import annotations

from collections.abc import Iterable

from dure.backends.contract import ChangeRefused, JobRefused, JobRequest
from dure.protocol import Binding, LentShare, MemberAccess


def check_binding(binding: Binding, *, held: Iterable[Binding], capacity: int) -> None:
    """Raises ChangeRefused for a late actor's binding and for one promise too many.

    `held` are the bindings of the same pool.
    """
    promised = 0
    for other in held:
        if other.allocation == binding.allocation:
            if other.generation > binding.generation:
                raise ChangeRefused(
                    f"{binding.allocation} is held at generation {other.generation}, "
                    f"newer than {binding.generation}"
                )
        elif other.state != "ended" and other.starts < binding.ends and binding.starts < other.ends:
            promised += other.accelerators
    if binding.state != "ended" and promised + binding.accelerators > capacity:
        raise ChangeRefused(
            f"{binding.pool} has {capacity} accelerators; {promised} are promised to others, "
            f"{binding.accelerators} more do not fit"
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
