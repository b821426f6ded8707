"""What sacct prints, as closed usage segments.

- One row is one run of a job (`-X -D`): a requeued job has as many rows as it had runs, and its
  attempts are numbered in the order in which they started.
- What a run held is AllocTRES, from its start to its end: also while it was suspended.
- Whose it is is said by account and QOS together. The pair must be exactly one that we made: what
  runs under any other is a stray, named with its accelerator-seconds and counted to nobody.
- A run without an end is alive only if slurmctld says so. One that slurmctld does not run has an
  end that was lost (`sacctmgr show runawayjobs`): it keeps its months open until somebody says it.
- slurmctld tells slurmdbd of a start at once and of its QOS, partition and TRES up to five seconds
  later (22.05, measured): a row without them, or a run that slurmctld knows and the accounting does
  not, ends what is settled. A row that is still without them after an hour never gets them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from dure.backends import segments
from dure.backends.contract import UnableToApplyNow
from dure.backends.segments import Holding
from dure.backends.slurm import names
from dure.backends.slurm.held import Held
from dure.backends.slurm.hostlist import expand
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.protocol import UsageRecord
from dure.protocol.report import Outcome

FIELDS: Final = (
    "JobIDRaw", "DBIndex", "State", "Start", "End", "Account", "QOS", "User", "Partition",
    "AllocTRES", "NodeList",
)  # fmt: skip

LIVE_FIELDS: Final = {
    "JobID": 20, "State": 20, "StartTime": 20, "EndTime": 20, "Account": 100, "QOS": 100,
    "Partition": 100, "tres-alloc": 400,
}  # fmt: skip
"""What is asked of squeue, and how wide at most."""

LIVE_STATES: Final = "R,CG,S,CF,ST,SI,SO,RS,CD,F,TO,CA,NF,PR,BF,DL,OOM"
"""Those that have their nodes, and those that ended within MinJobAge; none of the pending ones."""

NEVER_S: Final = 3600
"""So long after its end a row that is not whole stays as it is (our choice)."""

_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "COMPLETED": "completed",
    "CANCELLED": "cancelled",
    "REVOKED": "cancelled",
    "PREEMPTED": "preempted",
    "REQUEUED": "preempted",
    "RESIZING": "running",
}
"""`sacct` man page, JOB STATE CODES; every other end is a failure. A requeued run was taken back or
lost its node, and the job runs again; a resized one goes on at once in another row."""

_HOLDING: Final = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING",
                             "STAGE_OUT", "RESIZING", "CONFIGURING"})  # fmt: skip
"""States of squeue in which a job has its nodes."""

Stranger = Literal["foreign", "mixed", "elsewhere"]
"""foreign: neither account nor QOS is ours; mixed: a pair we did not make; elsewhere: our pair, on
a partition that is not its pool."""


class UnreadableAccounting(UnableToApplyNow):
    """sacct printed what we cannot read; nothing is counted past it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a job; `end_s` is None while none is known."""

    job: str
    row: int
    state: str
    start_s: int
    end_s: int | None
    account: str
    qos: str
    user: str
    partition: str
    tres: str
    nodes: str

    @property
    def is_whole(self) -> bool:
        """Whether the accounting has all of its start."""
        return self.qos not in {"", "unknown"} and bool(self.partition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A job that slurmctld started; `end_s` is None while it has its nodes."""

    job: str
    start_s: int
    end_s: int | None
    account: str
    qos: str
    partition: str
    tres: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """Whose a run is."""

    project: str
    allocation: str | None
    pool: SlurmPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """Accelerator-seconds on our pools that are nobody's of ours."""

    why: Stranger
    account: str
    qos: str
    pool: str
    accelerator_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the runs come to."""

    holdings: tuple[Holding, ...] = ()
    lost_ends: tuple[Run, ...] = ()
    """Runs without an end that slurmctld does not run."""


def runs(text: str) -> tuple[Run, ...]:
    """The rows of sacct that ever started, each once. Raises UnreadableAccounting."""
    rows = {run.row: run for line in text.splitlines() if line for run in _run(line)}
    return tuple(rows[row] for row in sorted(rows))


def live(text: str) -> tuple[Live, ...]:
    """The jobs of squeue that started, running or just ended."""
    found = []
    for line in text.splitlines():
        if not line.strip():
            continue
        parts = _split(line, tuple(LIVE_FIELDS), "|")
        job, state, start, end, account, qos, partition, tres = parts
        if start.isdigit() and int(start):
            found.append(
                Live(
                    job=job,
                    start_s=int(start),
                    end_s=None if state in _HOLDING or not end.isdigit() else int(end),
                    account=account.lower(),
                    qos=qos.lower(),
                    partition=partition,
                    tres=tres,
                )
            )
    return tuple(found)


def alive(found: Iterable[Live]) -> dict[str, int]:
    """The start of each job that has its nodes."""
    return {job.job: job.start_s for job in found if job.end_s is None}


def attempts(every: Iterable[Run]) -> dict[int, int]:
    """Which start of its job each row is, from 1 on; `every` has all rows of these jobs."""
    of_job: defaultdict[str, list[Run]] = defaultdict(list)
    for run in every:
        of_job[run.job].append(run)
    ordinals: dict[int, int] = {}
    for rows in of_job.values():
        number, goes_on = 0, False
        for run in sorted(rows, key=lambda r: (r.start_s, r.row)):
            number += 0 if goes_on else 1
            ordinals[run.row] = number
            goes_on = run.state == "RESIZING"
    return ordinals


class Books:
    """Whose work a pair of account and QOS is on this site."""

    def __init__(self, site: SlurmSite, held: Held) -> None:
        self._pools = {pool.pool: pool for pool in site.pools}
        self._held = held

    @property
    def accounts(self) -> tuple[str, ...]:
        """Every account that is or was ours."""
        return tuple(sorted(self._held.accounts))

    def has_account(self, account: str) -> bool:
        """Whether an account is or was ours."""
        return account in self._held.accounts

    def of(self, account: str, qos: str) -> Owned | None:
        """The owner of what runs under this pair, if we made it."""
        payer, grant = self._held.accounts.get(account), self._held.qos.get(qos)
        if payer is None:
            return None
        lent = payer.pool is not None
        if lent:
            pool = self._pools.get(payer.pool or "")
            if pool is None or qos != names.LENT:
                return None
            return Owned(project=payer.project, allocation=None, pool=pool)
        if grant is None or grant.allocation is None or grant.project != payer.project:
            return None
        pool = self._pools.get(grant.pool or "")
        if pool is None:
            return None
        return Owned(project=payer.project, allocation=grant.allocation, pool=pool)

    def stranger(self, account: str, qos: str, partition: str) -> Stranger | None:
        """What is not as we made it about work under this pair there; None where all is."""
        owned = self.of(account, qos)
        if owned is not None:
            return None if owned.pool.partition == partition else "elsewhere"
        ours = account in self._held.accounts or qos in self._held.qos or qos == names.LENT
        return "mixed" if ours else "foreign"


def accelerators(tres: str, pool: SlurmPool) -> int:
    """How many of the pool's accelerators AllocTRES names; of typed and untyped ones, one."""
    amounts = dict(part.partition("=")[::2] for part in tres.split(",") if part)
    whole = f"gres/{pool.gres}"
    tracked = any(name.startswith(f"{whole}:") for name in amounts)
    said = amounts.get(pool.tres if tracked else whole, "0")
    if not said.isdigit():
        msg = f"sacct says {pool.tres}={said}, which is no number"
        raise UnreadableAccounting(msg)
    return int(said)


def holdings(
    rows: Iterable[Run],
    *,
    ordinals: Mapping[int, int],
    books: Books,
    alive_jobs: Mapping[str, int],
) -> Counted:
    """What our people's runs held; `alive_jobs` has the start of each that slurmctld runs."""
    held, lost = [], []
    for run in sorted(rows, key=lambda r: (r.start_s, r.row)):
        owned = books.of(run.account, run.qos)
        if owned is None or owned.pool.partition != run.partition:
            continue
        number = accelerators(run.tres, owned.pool)
        if number == 0:
            continue
        if run.end_s is None and alive_jobs.get(run.job) != run.start_s:
            lost.append(run)
            continue
        held.append(_holding(run, owned, number, ordinals[run.row]))
    return Counted(holdings=tuple(held), lost_ends=tuple(lost))


def settled(
    rows: Iterable[Run], *, queue: Iterable[Live], books: Books, from_s: int, latest_s: int
) -> int:
    """The last second of which the accounting has everything that slurmctld knows.

    `rows` are all that had not ended by `from_s`.
    """
    known, partial = set(), []
    for run in rows:
        young = run.end_s is None or run.end_s + NEVER_S > latest_s
        if run.is_whole:
            known.add((run.job, run.start_s))
        elif young and books.has_account(run.account):
            partial.append(run.start_s)
    missing = [
        job.start_s
        for job in queue
        if (job.job, job.start_s) not in known
        and (job.end_s is None or job.end_s > max(from_s, job.start_s))
        and (owned := books.of(job.account, job.qos))
        and accelerators(job.tres, owned.pool)
    ]
    return min([latest_s, *partial, *missing])


def usage(counted: Counted, *, every_s: int, settled_s: int) -> tuple[list[UsageRecord], list[int]]:
    """The closed segments, and the starts of what is not closed."""
    grid = {"every_s": every_s, "origin_s": 0, "seen_s": settled_s + 1}
    records = [record for one in counted.holdings for record in segments.cut(one, **grid)]
    opens = [segments.open_since(one, **grid) for one in counted.holdings]
    starts = [start for start in opens if start is not None]
    return records, starts + [run.start_s for run in counted.lost_ends]


def strays(
    rows: Iterable[Run],
    *,
    books: Books,
    places: Places,
    alive_jobs: Mapping[str, int],
    from_s: int,
    to_s: int,
) -> tuple[Stray, ...]:
    """What strangers held of our pools between the two instants, by account and QOS."""
    sums: defaultdict[tuple[Stranger, str, str, str], int] = defaultdict(int)
    for run in rows:
        why = books.stranger(run.account, run.qos, run.partition)
        lost = run.end_s is None and alive_jobs.get(run.job) != run.start_s
        seconds = min(run.end_s or to_s, to_s) - max(run.start_s, from_s)
        if why is None or lost or seconds <= 0:
            continue
        for pool, number in places.held(run):
            sums[why, run.account, run.qos, pool] += seconds * number
    return tuple(
        Stray(why=why, account=account, qos=qos, pool=pool, accelerator_seconds=amount)
        for (why, account, qos, pool), amount in sorted(sums.items())
    )


class Places:
    """Which of our pools a run's nodes are, whatever its partition is called."""

    def __init__(self, site: SlurmSite, node_partitions: Mapping[str, tuple[str, ...]]) -> None:
        self._pools = site.pools
        self._partitions = node_partitions

    def held(self, run: Run) -> Iterator[tuple[str, int]]:
        """Pool and accelerators; a run that spans partitions counts where its first node is."""
        first = next(iter(expand(run.nodes)), "")
        places = {run.partition, *self._partitions.get(first, ())}
        for pool in self._pools:
            number = accelerators(run.tres, pool) if pool.partition in places else 0
            if number:
                yield pool.pool, number


def _run(line: str) -> list[Run]:
    parts = _split(line, FIELDS, "")
    job, row, state, start, end, account, qos, user, partition, tres, nodes = parts
    if not start.isdigit() or not row.isdigit() or int(start) == 0:
        return []
    return [
        Run(
            job=job,
            row=int(row),
            state=state.partition(" ")[0],
            start_s=int(start),
            end_s=int(end) if end.isdigit() and int(end) else None,
            account=account.lower(),
            qos=qos.lower(),
            user=user,
            partition=partition,
            tres=tres,
            nodes=nodes,
        )
    ]


def _split(line: str, fields: tuple[str, ...], closed_by: str) -> list[str]:
    parts = line.removesuffix(closed_by).split("|") if closed_by else line.split("|")
    if len(parts) != len(fields):
        msg = f"asked for {', '.join(fields)}, Slurm answered {line[:200]!r}"
        raise UnreadableAccounting(msg)
    return [part.strip() for part in parts]


def _holding(run: Run, owned: Owned, number: int, attempt: int) -> Holding:
    return Holding(
        job=run.job,
        attempt=attempt,
        allocation=owned.allocation,
        project=owned.project,
        pool=owned.pool.pool,
        username=run.user,
        accelerators=number,
        start_s=run.start_s,
        end_s=run.end_s,
        outcome=_OUTCOMES.get(run.state, "failed"),
    )
