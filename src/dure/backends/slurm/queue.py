"""What squeue says, read: pure.

- No field of `ROWS` is a user's own words: names, comments, paths and commands may hold any
  character, also a line that looks like another job's row to a reader who acts as root.
- The one word of a user's that is shown, the job's name, is asked for by itself (`NAMES`).
- A row that is not as it should be is not believed.
- Only what runs under a name of ours is a job of ours, and its pool is what that name says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from dure.backends.slurm import names
from dure.backends.slurm.held import Held
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.backends.slurm.stewardship import Standing

_FIELDS: Final[Mapping[str, int]] = {
    "JobArrayID": 80, "JobID": 12, "UserName": 104, "Account": 80, "QOS": 80, "Partition": 70,
    "State": 20, "SubmitTime": 20, "EligibleTime": 20, "StartTime": 20, "EndTime": 20,
    "RestartCnt": 8, "exit_code": 8, "tres-alloc": 300, "Reason": 80,
}  # fmt: skip
"""With the width of each: a field is filled up to it, and cut there."""

LIVE: Final = (
    "squeue", "-h", "-a", "-O", ",".join(f"{name}:{width}|" for name, width in _FIELDS.items())
)  # fmt: skip
"""Every unfinished job."""

ROWS: Final = (*LIVE, "-t", "all")
"""With those that ended in the last minutes (MinJobAge)."""

NAMES: Final = ("squeue", "-h", "-a", "-t", "all", "-o", "%A|%j")

NODES: Final = (
    "sinfo", "-h", "-a", "-N", "-O",
    "PartitionName:70|,StateLong:30|,Gres:300|,GresUsed:300|",
)  # fmt: skip
"""For `idle`: one line for each node of each partition."""

_TAKES_WORK: Final = frozenset({"idle", "mixed", "allocated", "completing", "planned"})
_HAS_ROOM_YET: Final = "~#-"
"""What sinfo puts after the state of a node that is asleep, wakes up, or that backfill has planned
for a job: nothing runs there yet."""
_DEVICES: Final = re.compile(r"([^:,()]+)(?::([^:,()]+))?:(\d+)(?:\([^)]*\))?")

_WAITING: Final = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"})
_STOPPING: Final = frozenset({"COMPLETING", "STAGE_OUT", "SIGNALING"})
_RUNNING: Final = frozenset({"RUNNING", "CONFIGURING", "SUSPENDED", "RESIZING", "STOPPED"})
"""What holds accelerators, also while their nodes power up."""

Phase = Literal["pending", "running", "stopping", "completed", "failed", "cancelled"]
Unfinished = Literal["pending", "running", "stopping"]
_UNFINISHED: Final[Mapping[str, Unfinished]] = {
    "pending": "pending",
    "running": "running",
    "stopping": "stopping",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job of the queue. `handle` is what commands take: an array's third is `12_3`."""

    handle: str
    job: str
    username: str
    account: str
    qos: str
    partition: str
    state: str
    submitted_s: int
    eligible_s: int
    started_s: int
    ended_s: int
    restarts: int
    exit_code: int
    tres: Mapping[str, int]
    reason: str

    @property
    def phase(self) -> Phase:
        return phase(self.state)


@dataclass(frozen=True, slots=True)
class Whose:
    """Under whose right a job of ours runs, waits, or ran; allocation None: on lent capacity."""

    project: str
    allocation: str | None
    pool: str
    accelerators: int


def phase(state: str) -> Phase:
    """Slurm's word for a job's state as the contract's; `CANCELLED by 0` is cancelled."""
    word = state.partition(" ")[0]
    if word in _WAITING:
        return "pending"
    if word in _RUNNING:
        return "running"
    if word in _STOPPING:
        return "stopping"
    if word == "COMPLETED":
        return "completed"
    return "cancelled" if word in {"CANCELLED", "PREEMPTED", "REVOKED"} else "failed"


def rows(text: str) -> tuple[Row, ...]:
    """The queue, in the order of submission."""
    found = (_row(line.split("|")[:-1]) for line in text.splitlines())
    return tuple(sorted((row for row in found if row is not None), key=lambda row: order(row.job)))


def cancelling(handle: str) -> tuple[str, ...]:
    """The command that ends a job.

    What waits of an array is one row, whose list may be cut; squeue counts elements that wait again
    to it (22.05, measured), and this ends just these. By its list scancel ends others (measured).
    """
    array, waiting, _ = handle.partition("_[")
    return ("scancel", "--state=PENDING", array) if waiting else ("scancel", handle)


def order(job: str) -> tuple[int, str]:
    """Of submission: Slurm counts its jobs."""
    number = re.match(r"\d+", job)
    return (int(number[0]) if number else 0, job)


def standing(found: tuple[Row, ...], held: Held, site: SlurmSite) -> tuple[Standing, ...]:
    """The unfinished jobs of ours among them."""
    return tuple(_standings(found, held, site))


def _standings(found: tuple[Row, ...], held: Held, site: SlurmSite) -> Iterator[Standing]:
    for row in found:
        of, state = whose(row, held, site), _UNFINISHED.get(row.phase)
        if of is None or state is None:
            continue
        yield Standing(
            job=row.handle,
            username=row.username,
            project=of.project,
            allocation=of.allocation,
            pool=of.pool,
            accelerators=of.accelerators,
            state=state,
            since_s=row.started_s if state == "running" else row.submitted_s,
            begins_s=row.eligible_s,
            restarts=row.restarts,
            waits_for=row.reason,
        )


def whose(row: Row, held: Held, site: SlurmSite) -> Whose | None:
    """None where the job is none of ours."""
    place = of_ours(row.account, row.qos, held)
    pool = None if place is None else site.pool(place[2])
    if place is None or pool is None:
        return None
    return Whose(*place, row.tres.get(pool.tres, 0))


def of_ours(account: str, qos: str, held: Held) -> tuple[str, str | None, str] | None:
    """The project, allocation (None: lent) and pool of a job under this account and QOS."""
    payer = held.accounts.get(account)
    if payer is None:
        return None
    if qos == names.LENT:
        return None if payer.pool is None else (payer.project, None, payer.pool)
    own = held.qos.get(qos)
    if own is None or own.pool is None or own.allocation is None:
        return None
    if payer.pool is not None or own.project != payer.project:
        return None  # somebody let a pair run that we did not make
    return own.project, own.allocation, own.pool


def idle(text: str, site: SlurmSite) -> dict[str, int]:
    """Accelerators by pool that no job holds, on nodes that take work."""
    found = dict.fromkeys((pool.pool for pool in site.pools), 0)
    for line in text.splitlines():
        partition, state, has, used, *_ = [*(part.strip() for part in line.split("|")), *[""] * 4]
        if state.rstrip(_HAS_ROOM_YET) not in _TAKES_WORK:
            continue
        for pool in site.pools:
            if pool.partition == partition:
                found[pool.pool] += _devices(has, pool) - _devices(used, pool)
    return found


def _devices(text: str, pool: SlurmPool) -> int:
    """`gpu:b200:8(S:0)` or `gpu:b200:3(IDX:0-2)`: how many of the pool's."""
    return sum(
        int(count)
        for name, kind, count in _DEVICES.findall(text)
        if name == pool.gres and (pool.type is None or kind == pool.type)
    )


def tres(text: str) -> dict[str, int]:
    """`cpu=8,mem=1G,gres/gpu=8` -> what is a plain count in it."""
    pairs = (part.partition("=") for part in text.split(","))
    return {name: int(count) for name, _, count in pairs if count.isdigit()}


def _row(parts: list[str]) -> Row | None:
    if len(parts) != len(_FIELDS):
        return None
    words = dict(zip(_FIELDS, parts, strict=True))
    said = {name: word.strip() for name, word in words.items()}
    if not said["JobID"].isdigit() or not said["RestartCnt"].isdigit():
        return None
    return Row(
        handle=said["JobArrayID"],
        job=said["JobID"],
        username=_whole_word(words["UserName"]),
        account=said["Account"],
        qos=said["QOS"],
        partition=said["Partition"],
        state=said["State"],
        submitted_s=_instant(said["SubmitTime"]),
        eligible_s=_instant(said["EligibleTime"]),
        started_s=_instant(said["StartTime"]),
        ended_s=_instant(said["EndTime"]),
        restarts=int(said["RestartCnt"]),
        exit_code=_code(said["exit_code"]),
        tres=tres(_whole_items(words["tres-alloc"])),
        reason=said["Reason"],
    )


def _whole_items(field: str) -> str:
    """Without the last one where the field is full: half a number is another number."""
    return field.rpartition(",")[0] if len(field) == len(field.rstrip()) else field.strip()


def _whole_word(field: str) -> str:
    """Nothing where the field is full: half a name is another name."""
    return "" if len(field) == len(field.rstrip()) else field.strip()


def _instant(text: str) -> int:
    """Seconds since 1970; 0 where Slurm says N/A or Unknown."""
    return int(text) if text.isdigit() else 0


def _code(text: str) -> int:
    """Of a wait status such as 1792 (7); what a signal ended is 128 and its number."""
    status = int(text) if text.isdigit() else 0
    return 128 + (status & 127) if status & 127 else status >> 8
