"""What has to happen to jobs beyond what Slurm does by itself: the one decision about them.

- Slurm starts, takes back and limits. It does not end what lost its entitlement, withdraw what lost
  its share, free what runs beyond a lowered guarantee, or let a requeued job start before
  `cred_expire` is over. (Nor can anybody cut a grace: what is completing takes no signal, measured
  on 22.05. slurm.conf's `KillWait` is the grace.)
- Pure: the same situation gives the same acts. Level-triggered: what was done is seen in the next
  situation, so an act that was lost is found again and none is done twice over.
- Only what is known to be over is ended: a job under a name nobody knows is left alone, so a lost
  record never costs a job. Nor does a directory that is away: Slurm names a job's user by asking
  this host, and prints `nobody` or the number where that fails; such a user is not judged.
- What runs beyond a lowered guarantee runs on until another guarantee waits for the room; then the
  fewest of them give way, and of those the youngest. Lent work gives way to it first, by Slurm.
- A requeued job starts again as soon as there is room that no waiting owner needs. Lent work that
  was taken back again and again waits longer each time, so that the two do not chase each other.
  Only take-backs count: a node that failed, or a user's own requeue, puts nothing off. Until it is
  known how many they were, the job waits.
- It does not start again within the second in which it was stopped: its nodes tell an old
  credential from a new one by the second, and what they take for old is ended for good (22.05,
  measured: the job fails with "credential revoked").
- What members ask for themselves stays: a job that never ran is not started before its `--begin`,
  and one that waits longer than Slurm's own delay after a requeue was put off by its user.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from dure.backends.gangs import fewest_youngest, in_force
from dure.protocol import Binding, LentShare, MemberAccess

FREE_TAKE_BACKS: Final = 2
"""A job that was unlucky once or twice does not wait for it."""

FIRST_BACK_OFF_S: Final = 60
LONGEST_BACK_OFF_S: Final = 3600
"""An owner who works in bursts of minutes is left alone; an hour later the pool is another one."""

REQUEUE_DELAY_S: Final = 180
"""Slurm lets a requeued job wait for `cred_expire` (120 s unless slurm.conf says other) and a
scheduling cycle; a later beginning is not Slurm's doing."""

KNOWN_BY_S: Final = 60
"""So long after a requeue slurmdbd has it, or is not going to get it (5 s at most, measured)."""

NO_NAMES: Final = frozenset({"", "nobody", "nfsnobody"})
"""What stands for a user whom this host does not know; with the bare number of one."""

WAITS_FOR_ROOM: Final = frozenset({"Resources", "Priority"})
"""Slurm's words for a job that nothing but other jobs keeps from starting."""

MOTION_S: Final = 1.0
"""How soon to look again while something is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A job under one of our names, as Slurm shows it now.

    `since_s`: when it started (running), was handed in or requeued (else).
    `begins_s`: a pending job is not eligible before. `restarts`: how often it was requeued, by
    whomever.
    """

    job: str
    username: str
    project: str
    allocation: str | None
    pool: str
    accelerators: int
    state: Literal["pending", "running", "stopping"]
    since_s: int
    begins_s: int = 0
    restarts: int = 0
    waits_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlements:
    """What holds now. `gone` and `withdrawn` are (allocation, pool) and (project, pool) that were
    taken away and still have jobs."""

    bindings: tuple[Binding, ...] = ()
    gone: frozenset[tuple[str, str]] = frozenset()
    shares: tuple[LentShare, ...] = ()
    withdrawn: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Cancel:
    """End it for good, with grace."""

    job: str
    why: str


@dataclass(frozen=True, slots=True)
class Requeue:
    """Stop it with grace; it waits again."""

    job: str
    why: str


@dataclass(frozen=True, slots=True)
class Release:
    """Let it start from then on, which is over by this host's clock; Slurm's own may go after."""

    job: str
    from_s: int


@dataclass(frozen=True, slots=True)
class Postpone:
    """Let it start from then on."""

    job: str
    until_s: int


Act = Cancel | Requeue | Release | Postpone


@dataclass(frozen=True, slots=True)
class Stewardship:
    """What to do, and when the situation changes without anybody saying so."""

    acts: tuple[Act, ...] = ()
    look_again_s: float | None = None


def back_off_s(take_backs: int, *, first_s: int) -> int:
    """How long a job that was taken back so often stays out of the way."""
    if take_backs <= FREE_TAKE_BACKS or not first_s:
        return 0
    doubled = min(take_backs - FREE_TAKE_BACKS - 1, 16)  # beyond, the cap has long been reached
    return min(first_s << doubled, LONGEST_BACK_OFF_S)


def steward(
    *,
    now: datetime,
    jobs: Iterable[Standing],
    held: Entitlements,
    idle: Mapping[str, int],
    take_backs: Mapping[str, int],
    first_back_off_s: int = FIRST_BACK_OFF_S,
) -> Stewardship:
    """The acts of this moment. `idle`: accelerators by pool that no job holds, on working nodes.

    `take_backs`: how often the jobs were taken back that restarted more than FREE_TAKE_BACKS
    times; one of them that is not in it waits until it is, for KNOWN_BY_S at most.
    """
    view = _View(now, jobs, held, idle, take_backs, first_back_off_s)
    view.end_what_lost_its_binding()
    view.end_what_lost_its_member()
    view.withdraw_what_lost_its_share()
    view.free_what_others_are_promised()
    view.let_start_again()
    return Stewardship(tuple(view.acts), view.look_again())


@dataclass(slots=True)
class _View:
    now: datetime
    given: Iterable[Standing]
    held: Entitlements
    idle: Mapping[str, int]
    take_backs: Mapping[str, int]
    first_back_off_s: int
    jobs: list[Standing] = field(init=False)
    acts: list[Act] = field(default_factory=list, init=False)
    told: set[str] = field(default_factory=set, init=False)
    deadlines: list[float] = field(default_factory=list, init=False)
    wanted: dict[str, int] = field(init=False)
    moving: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.jobs = sorted(self.given, key=lambda job: (job.since_s, _number(job.job)))
        self.wanted = defaultdict(int)

    @property
    def now_s(self) -> float:
        return self.now.timestamp()

    def end_what_lost_its_binding(self) -> None:
        bindings = {(one.allocation, one.pool): one for one in self.held.bindings}
        for job in self._alive(owners=True):
            key = (str(job.allocation), job.pool)
            binding = bindings.get(key)
            if binding is None:
                over = key in self.held.gone
            else:
                over = self._is_over(binding, job)
                self._note_edges(binding)
            if over:
                self._cancel(job, f"the allocation {job.allocation} is not in force any more")

    def end_what_lost_its_member(self) -> None:
        owners = {(one.allocation, one.pool): one.members for one in self.held.bindings}
        lent = {(one.project, one.pool): one.members for one in self.held.shares}
        for job in self._alive():
            if not is_a_name(job.username):
                continue
            members = (
                lent.get((job.project, job.pool))
                if job.allocation is None
                else owners.get((job.allocation, job.pool))
            )
            if members is not None and not _names(job.username, members):
                self._cancel(job, f"{job.username} is not a member of {job.project} any more")

    def withdraw_what_lost_its_share(self) -> None:
        most = {(one.project, one.pool): one.max_accelerators for one in self.held.shares}
        most |= dict.fromkeys(self.held.withdrawn - most.keys(), 0)
        running: dict[tuple[str, str], int] = defaultdict(int)
        borrowing = [job for job in self._alive(owners=False) if job.state == "running"]
        for job in borrowing:
            running[job.project, job.pool] += job.accelerators
        for job in reversed(borrowing):  # the youngest first
            key = (job.project, job.pool)
            if key in most and running[key] > most[key]:
                running[key] -= job.accelerators
                self._requeue(job, f"the share of {job.project} is {most[key]} now")

    def free_what_others_are_promised(self) -> None:
        coming: dict[str, int] = defaultdict(int)
        for job in self.jobs:
            lent = job.allocation is None  # Slurm takes it back when it has to
            if job.state != "pending" and (lent or job.state == "stopping" or job.job in self.told):
                coming[job.pool] += job.accelerators
        room = {pool: self.idle.get(pool, 0) + coming[pool] for pool in self._pools()}
        for job in self._owners_in_need():
            short = job.accelerators - room[job.pool]
            if short > 0:
                self.moving = True
                victims = fewest_youngest(short, self._beyond_their_binding(job))
                if victims is None:
                    continue
                for victim in victims:
                    why = f"{victim.allocation} was lowered and {job.allocation} needs the room"
                    self._requeue(victim, why)
                    room[job.pool] += victim.accelerators
            room[job.pool] -= job.accelerators
            self.wanted[job.pool] += job.accelerators

    def let_start_again(self) -> None:
        idle = {pool: self.idle.get(pool, 0) - self.wanted[pool] for pool in self._pools()}
        order = {(one.project, one.pool): one.order for one in self.held.shares}
        for job in sorted(
            self._pending_again(), key=lambda one: order.get((one.project, one.pool), 0)
        ):
            wait_s = 0 if job.allocation else self._back_off_s(job)
            from_s = job.since_s + max(KNOWN_BY_S if wait_s is None else wait_s, 1)
            if from_s > self.now_s:
                self._postpone(job, from_s)
                self.moving |= wait_s is None  # it may be known in a second
            elif max(self.now_s, from_s) < job.begins_s <= job.since_s + REQUEUE_DELAY_S:
                self.moving = True  # for cred_expire at most
                if job.allocation or self._fits(job, idle):
                    self.acts.append(Release(job.job, from_s))

    def look_again(self) -> float | None:
        moving = self.moving or self.acts or any(job.state == "stopping" for job in self.jobs)
        after = [instant - self.now_s for instant in self.deadlines if instant > self.now_s]
        return min([*after, *([MOTION_S] if moving else [])], default=None)

    def _alive(self, *, owners: bool | None = None) -> list[Standing]:
        """Waiting and running, oldest first, but for what is told already."""
        return [
            job
            for job in self.jobs
            if job.state != "stopping"
            and job.job not in self.told
            and (owners is None or owners == (job.allocation is not None))
        ]

    def _pools(self) -> set[str]:
        return {job.pool for job in self.jobs}

    def _is_over(self, binding: Binding, job: Standing) -> bool:
        """A job that waits for the allocation to begin waits on."""
        if in_force(binding, self.now):
            return False
        waits_for_it = binding.state != "ended" and self.now < binding.starts
        return not (waits_for_it and job.state == "pending")

    def _note_edges(self, binding: Binding) -> None:
        self.deadlines += [binding.starts.timestamp(), binding.ends.timestamp()]

    def _owners_in_need(self) -> list[Standing]:
        """Waiting jobs within a guarantee that only other jobs keep from starting, oldest first."""
        left = {
            (one.allocation, one.pool): one.accelerators
            for one in self.held.bindings
            if in_force(one, self.now) and one.state == "active"
        }
        for job in self.jobs:
            if job.allocation is not None and job.state != "pending":
                left[job.allocation, job.pool] = (
                    left.get((job.allocation, job.pool), 0) - job.accelerators
                )
        found = []
        for job in self._alive(owners=True):
            key = (str(job.allocation), job.pool)
            if job.state == "pending" and job.waits_for in WAITS_FOR_ROOM:
                if left.get(key, 0) < job.accelerators:
                    continue
                left[key] -= job.accelerators
                found.append(job)
        return found

    def _beyond_their_binding(self, for_: Standing) -> list[Standing]:
        """Running jobs above their lowered guarantee, youngest first."""
        excess = {
            (one.allocation, one.pool): -one.accelerators
            for one in self.held.bindings
            if in_force(one, self.now)
        }
        running = [
            job
            for job in self._alive(owners=True)
            if job.state == "running"
            and job.pool == for_.pool
            and (str(job.allocation), job.pool) in excess
        ]
        for job in running:
            excess[str(job.allocation), job.pool] += job.accelerators
        found = []
        for job in reversed(running):
            key = (str(job.allocation), job.pool)
            if excess[key] > 0:
                excess[key] -= job.accelerators
                found.append(job)
        return found

    def _pending_again(self) -> list[Standing]:
        return [job for job in self._alive() if job.state == "pending" and job.restarts > 0]

    def _back_off_s(self, job: Standing) -> int | None:
        """None where it is not known how often it was taken back."""
        often = job.restarts > FREE_TAKE_BACKS
        count = self.take_backs.get(job.job) if often else job.restarts
        return None if count is None else back_off_s(count, first_s=self.first_back_off_s)

    def _fits(self, job: Standing, idle: dict[str, int]) -> bool:
        if idle[job.pool] < job.accelerators:
            return False
        idle[job.pool] -= job.accelerators
        return True

    def _postpone(self, job: Standing, until_s: int) -> None:
        if job.begins_s < until_s:
            self.acts.append(Postpone(job.job, until_s))
        self.deadlines.append(until_s)

    def _cancel(self, job: Standing, why: str) -> None:
        self.told.add(job.job)
        self.acts.append(Cancel(job.job, why))

    def _requeue(self, job: Standing, why: str) -> None:
        self.told.add(job.job)
        self.acts.append(Requeue(job.job, why))


def is_a_name(username: str) -> bool:
    """Whether this is a user's name, and not what Slurm says where it could not learn it."""
    return username not in NO_NAMES and not username.isdigit()


def _names(username: str, members: Sequence[MemberAccess]) -> bool:
    """Slurm keeps user names in lower case."""
    return username.lower() in {member.username.lower() for member in members}


def _number(job: str) -> tuple[int, int]:
    """The order of submission; `12_3` is an array's third."""
    first, _, index = job.partition("_")
    return (int(first) if first.isdigit() else 0, int(index) if index.isdigit() else 0)
