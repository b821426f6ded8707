"""The values of Slurm's accounting, as `sacct -P` prints them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from dure.twin.workload.trace import Outcome

OUTCOMES: Final = {
    "completed": Outcome.COMPLETED,
    "failed": Outcome.FAILED,
    "boot_fail": Outcome.NODE_FAIL,
    "node_fail": Outcome.NODE_FAIL,
    "cancelled": Outcome.CANCELLED,
    "revoked": Outcome.CANCELLED,
    "timeout": Outcome.TIMEOUT,
    "deadline": Outcome.TIMEOUT,
    "preempted": Outcome.PREEMPTED,
    "requeued": Outcome.PREEMPTED,
    "out_of_memory": Outcome.OUT_OF_MEMORY,
}
"""States of jobs that have ended. `sacct` man page, JOB STATE CODES."""

UNFINISHED: Final = frozenset(
    {"pending", "running", "suspended", "resizing", "completing", "configuring", "requeue_hold"}
)
NOTHING: Final = frozenset({"", "none", "unknown", "n/a", "invalid"})
"""What stands where there is no time."""
UNBOUNDED: Final = frozenset({*NOTHING, "unlimited", "partition_limit", "infinite"})

_DURATION: Final = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)(?:\.\d+)?")
_TYPED: Final = re.compile(r"gres/gpu:([^=,]+)=(\d+)")
_PLAIN: Final = re.compile(r"(?:^|,)gres/gpu=(\d+)(?:,|$)")


def duration_s(text: str) -> int | None:
    """Seconds of [D-][HH:]MM:SS; None where it is none."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


class Accelerators(NamedTuple):
    number: int
    model: str


def accelerators(tres: str) -> Accelerators | None:
    """What AllocTRES says of GPUs; None where it says something that cannot be read."""
    plain = _PLAIN.search(tres)
    typed = _TYPED.findall(tres)
    if plain is None and not typed:
        return None if "gres/gpu" in tres else Accelerators(0, "")
    count = int(plain[1]) if plain else sum(int(number) for _, number in typed)
    models = sorted({model for model, number in typed if int(number)})
    return Accelerators(count, "|".join(models))


class NoSuchTime(Exception):
    """The clocks of the zone were put forward over this time."""


class Moment(NamedTuple):
    second: int  # since 1970, UTC
    twofold: bool  # the clocks were put back over it


def moment(text: str, zone: tzinfo | None) -> Moment | None:
    """The instant that a text names; None where it is no time or has no zone."""
    if text.isdigit():  # SLURM_TIME_FORMAT=%s
        return Moment(int(text), twofold=False)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.tzinfo is not None:
        return Moment(int(at.timestamp()), twofold=False)
    if zone is None:
        return None
    return _in_zone(at, zone)


def _in_zone(at: datetime, zone: tzinfo) -> Moment:
    first = at.replace(tzinfo=zone)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
        raise NoSuchTime
    twofold = first.utcoffset() != first.replace(fold=1).utcoffset()
    return Moment(int((first - _EPOCH) / timedelta(seconds=1)), twofold)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
