"""What is ours in Slurm, as values: the same whether wanted, read from slurmdbd or from slurmctld.

- None of a limit means that there is none.
- Every collection is in one order, so equal objects are equal values.
- Names are lower case, as Slurm keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of a QOS or of an account: what all its jobs together may have."""

    tres: tuple[tuple[str, int], ...] = ()
    """Held at once, such as (("gres/gpu", 16),)."""
    tres_minutes: tuple[tuple[str, int], ...] = ()
    """Used in all."""
    jobs: int | None = None
    """Running; 0: nothing that waits starts."""
    submitted: int | None = None
    """Waiting and running; 0: nothing new comes in."""


NO_LIMITS: Final = Limits()


def combined(
    one: Limits, other: Limits, each: Callable[[int | None, int | None], int | None]
) -> Limits:
    """Limit by limit, what `each` makes of the two."""

    def tres(
        ours: tuple[tuple[str, int], ...], theirs: tuple[tuple[str, int], ...]
    ) -> tuple[tuple[str, int], ...]:
        left, right = dict(ours), dict(theirs)
        both = {name: each(left.get(name), right.get(name)) for name in {*left, *right}}
        return tuple((name, number) for name, number in sorted(both.items()) if number is not None)

    return Limits(
        tres=tres(one.tres, other.tres),
        tres_minutes=tres(one.tres_minutes, other.tres_minutes),
        jobs=each(one.jobs, other.jobs),
        submitted=each(one.submitted, other.submitted),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Qos:
    """A QOS with what we set of it."""

    name: str
    description: str
    priority: int
    preempt: tuple[str, ...] = ()
    preempt_mode: str = "cluster"
    grace_s: int = 0
    flags: tuple[str, ...] = ()
    usage_factor: float = 1.0
    limits: Limits = NO_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account with its own association on the cluster."""

    name: str
    description: str
    organization: str
    parent: str
    limits: Limits = NO_LIMITS
    priority: int | None = None


class Seat(NamedTuple):
    """Where a person stands: what an association is found by."""

    user: str
    account: str
    partition: str


class Association(NamedTuple):
    """A person's right to submit: `open` or closed for whom is no longer a member."""

    seat: Seat
    qos: tuple[str, ...]
    default_qos: str
    open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """All that is ours on one cluster, by name."""

    qos: Mapping[str, Qos] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    associations: Mapping[Seat, Association] = field(default_factory=dict)
