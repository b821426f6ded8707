"""A mixed load on a real Slurm, and what Slurm itself says it used: for the tests and the bench.

- Two projects with an allocation each and a lent share, a site's own account beside them; objects
  are written as Dure writes them, jobs are handed in by plain sbatch.
- Everything that ends a run happens: its end, failure, time limit, cancellation, preemption,
  requeue, a node that dies; some jobs run under an account with a QOS that is not its own.
- The truth is asked of Slurm in its own arithmetic (`--truncate`), by account and QOS.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.slurm_lab import books
from tests.waiting import eventually

from dure.backends.slurm import names
from dure.backends.slurm.held import Held, Named
from dure.backends.slurm.meter import Meter
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tools import Slurm
from dure.cli.slurm_lab import Lab
from dure.metering.conservation import Down, Entitled, PoolAccount, PoolFacts
from dure.metering.conservation import Held as HeldFact
from dure.metering.conservation import account as account_for
from dure.protocol import NodeRecord, UsageRecord
from dure.quantities import Period

GRANTS = {"one": 32, "two": 16}
"""Project -> accelerators of its allocation, which is called after it."""
OWN_ACCOUNT = "physics"
AT_ONCE = 8
SOME_S = 1.5
"""What starts and ends within one second holds nothing."""


@dataclass(frozen=True)
class Size:
    """How much of each; the counts are jobs, but for `lent` and `owned`: members of arrays."""

    lent: int
    owned: int
    gangs: int
    failing: int
    cancelled: int
    requeued: int
    timeouts: int = 0
    mixed: int = 2


class Play:
    """One load on one lab. `began` is when its clock starts."""

    def __init__(self, lab: Lab, site: SlurmSite, *, prefix: str = "play") -> None:
        self.lab, self.prefix = lab, prefix
        self.site = site.model_copy(update={"segment_s": 2})
        self.pool = site.pools[0]
        self.began = _now()
        self.jobs: list[str] = []
        projects = {project: f"{prefix}-{project}" for project in GRANTS}
        self.grant = {p: names.allocation_qos(name) for p, name in projects.items()}
        self.account = {p: names.project_account(name) for p, name in projects.items()}
        self.lent = {p: names.lent_account(name) for p, name in projects.items()}
        self.held = Held(
            qos={
                self.grant[p]: Named(project=name, pool=self.pool.pool, allocation=name)
                for p, name in projects.items()
            },
            accounts={self.account[p]: Named(project=name) for p, name in projects.items()}
            | {
                self.lent[p]: Named(project=name, pool=self.pool.pool)
                for p, name in projects.items()
            },
        )

    def meter(self, *, exporters: str = "", folder: Path | None = None) -> Meter:
        """A meter that knows nothing yet."""
        seen = {"exporters": (exporters,) if exporters else (), "exporters_every_s": 1}
        return Meter(
            slurm=Slurm.of(self.site),
            site=self.site.model_copy(update=seen),
            folder=folder,
            held=lambda: self.held,
            clock=lambda: datetime.now(UTC),
        )

    def begin(self) -> None:
        """From now on it counts."""
        self.began = _now()

    def write_objects(self) -> None:
        """The accounts, QOS and users of the play."""
        told = ("sacctmgr", "-i", "add")
        lent = ("Priority=0", "PreemptMode=requeue", "Flags=NoReserve", "UsageFactor=0")
        self.lab.run(*told, "qos", names.LENT, "set", *lent, check=False)
        accounts = [*self.account.values(), *self.lent.values(), OWN_ACCOUNT]
        self.lab.run(*told, "account", ",".join(accounts))
        for project, most in GRANTS.items():
            self.lab.run(
                *told, "qos", self.grant[project], "set", "Priority=1000",
                f"Preempt={names.LENT}", f"GrpTRES=gres/gpu={most}", "Flags=DenyOnLimit",
            )  # fmt: skip
            grant = f"{self.grant[project]},normal"
            self._add_user(self.account[project], grant, self.grant[project])
            self._add_user(self.lent[project], names.LENT, names.LENT)
        self._add_user(OWN_ACCOUNT, "normal", "normal")

    def _add_user(self, account: str, qos: str, default: str) -> None:
        self.lab.run(
            "sacctmgr", "-i", "add", "user", "root", f"account={account}", f"qos={qos}",
            f"defaultqos={default}",
        )  # fmt: skip

    def load(self, size: Size) -> None:
        """Hands everything in and lets it happen; returns when all jobs have ended."""
        self._hand_in(self._lines(size))
        self._interfere(size)
        eventually(lambda: not self.unfinished(), within_s=900)

    def hand_in(self, project: str, *options: str, run: str) -> str:
        """An owner's job; its number."""
        return self._hand_in([self._as_owner(project, *options, run=run)])[0]

    def _lines(self, size: Size) -> list[list[str]]:
        """The sbatch lines, in the order of submission."""
        projects = itertools.cycle(GRANTS)
        lines: list[list[str]] = []
        for part in _parts(size.lent, 200):
            array = (f"--array=1-{part}", "--gres=gpu:1")
            lines.append(self._as_lent(next(projects), *array, run="sleep $((RANDOM % 4))"))
        for part in _parts(size.owned, 200):
            array = (f"--array=1-{part}", "--gres=gpu:1")
            lines.append(self._as_owner(next(projects), *array, run="sleep $((RANDOM % 3))"))
        for number in range(size.gangs):
            gang = ("-N2", "--gres=gpu:8") if number % 2 else ("--gres=gpu:3", ":", "--gres=gpu:5")
            lines.append(self._as_owner(next(projects), *gang, run="sleep 2"))
        fails = "sleep 1; exit 3"
        lines += [
            self._as_owner(next(projects), "--gres=gpu:2", run=fails) for _ in range(size.failing)
        ]
        for number in range(size.mixed):
            account = OWN_ACCOUNT if number % 2 else self.account["one"]
            lines.append(["-A", account, "--qos=normal", "--gres=gpu:4", "--wrap=sleep 3"])
        late = ("--gres=gpu:1", "--time=1")
        lines += [self._as_lent("two", *late, run="sleep 300") for _ in range(size.timeouts)]
        lines.append(self._as_owner("two", run="sleep 1"))  # it holds no accelerator
        return lines

    def _as_owner(self, project: str, *options: str, run: str) -> list[str]:
        """A `:` among the options parts the components of one job."""
        mine = ["-A", self.account[project], f"--qos={self.grant[project]}"]
        parts = [[*mine, f"--wrap={run}"]]
        for option in options:
            if option == ":":
                parts.append([":", *mine])
            else:
                parts[-1].append(option)
        return [word for part in parts for word in part]

    def _as_lent(self, project: str, *options: str, run: str) -> list[str]:
        mine = ["-A", self.lent[project], f"--qos={names.LENT}", "--requeue"]
        return [*mine, f"--wrap={run}", *options]

    def _hand_in(self, lines: Iterable[list[str]]) -> list[str]:
        with ThreadPoolExecutor(AT_ONCE) as hands:
            jobs = list(hands.map(self._submit, lines))
        self.jobs += jobs
        return jobs

    def _submit(self, options: list[str]) -> str:
        return self.lab.run("sbatch", "--parsable", "-o", "/dev/null", *options).strip()

    def _interfere(self, size: Size) -> None:
        """Lent jobs are cancelled, requeued, taken back and bereft of their node."""
        doomed = self._hand_in(self._long("two", 1, size.cancelled))
        again = self._hand_in(self._long("one", 1, size.requeued))
        early = [*doomed, *again]
        eventually(lambda: self.running(early) == len(early), within_s=900)
        time.sleep(SOME_S)
        self.lab.run("scancel", *doomed)
        self.lab.run("scontrol", "requeue", ",".join(again))
        taken = self._hand_in(self._long("one", 8, len(self.lab.shape.node_names)))
        eventually(lambda: self.running(taken) > len(taken) // 2, within_s=120)
        time.sleep(SOME_S)
        owner = self.hand_in("one", "-N4", "--gres=gpu:8", run="sleep 3")
        eventually(lambda: self.running([owner]), within_s=120)
        self._lose_nodes()
        self.lab.run("scancel", *again, *taken)
        self._mend_nodes()

    def _long(self, project: str, accelerators: int, count: int) -> list[list[str]]:
        gres = f"--gres=gpu:{accelerators}"
        return [self._as_lent(project, gres, run="sleep 600") for _ in range(count)]

    def _lose_nodes(self) -> None:
        """One dies, another is drained under its job."""
        drained, *_, dead = self.lab.shape.node_names
        self.lab.kill_node(dead)
        self.lab.run("scontrol", "update", f"nodename={dead}", "state=down", "reason=it died")
        self.lab.run("scontrol", "update", f"nodename={drained}", "state=drain", "reason=fan")

    def _mend_nodes(self) -> None:
        drained, *_, dead = self.lab.shape.node_names
        eventually(lambda: self.lab.states()[drained] == "drained", within_s=60)
        time.sleep(SOME_S)
        self.lab.start_nodes([dead])
        for node in (dead, drained):
            self.lab.run("scontrol", "update", f"nodename={node}", "state=resume", check=False)
        up = {"idle", "mixed", "allocated"}
        eventually(lambda: {self.lab.states()[n] for n in (dead, drained)} <= up, within_s=60)

    def running(self, jobs: list[str]) -> int:
        """How many of them run."""
        said = self.lab.run("squeue", "-h", "-t", "R", "-j", ",".join(jobs), "-o", "%A")
        return len(said.split())

    def unfinished(self) -> list[str]:
        """The jobs that have not ended."""
        return self.lab.run("squeue", "-h", "-o", "%A").split()

    def truth(self, until: datetime) -> Counter[tuple[str, str]]:
        """(account, QOS) -> accelerator-seconds, as Slurm's own arithmetic has them."""
        rows = self._rows("Account,QOS,ElapsedRaw,AllocTRES", "--truncate", "-E", _local(until))
        sums: Counter[tuple[str, str]] = Counter()
        for account, qos, elapsed, tres in rows:
            amounts = dict(part.split("=") for part in tres.split(",") if part)
            sums[account, qos] += int(elapsed) * int(amounts.get("gres/gpu", "0"))
        return +sums

    def runs(self) -> Counter[tuple[str, str]]:
        """(account, QOS) -> how many runs began."""
        rows = self._rows("Account,QOS,Start")
        return Counter((account, qos) for account, qos, start in rows if start.isdigit())

    def finished(self) -> int:
        """How many jobs there were, each member of an array and each component one."""
        return len({job for (job,) in self._rows("JobIDRaw")})

    def _rows(self, fields: str, *more: str) -> list[list[str]]:
        return books(self.lab, fields, "-a", "-D", "-S", _local(self.began), *more)

    def counted(self, records: Iterable[UsageRecord]) -> Counter[tuple[str, str]]:
        """The same of ours."""
        sums: Counter[tuple[str, str]] = Counter()
        for record in records:
            project = record.project.removeprefix(f"{self.prefix}-")
            owner = record.kind == "owner"
            place = (
                (self.account if owner else self.lent)[project],
                self.grant[project] if owner else names.LENT,
            )
            sums[place] += record.accelerators * round((record.end - record.start).total_seconds())
        return sums

    def ours(self, sums: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
        """Only what is exactly of the programme."""
        pairs = {(self.account[p], self.grant[p]) for p in GRANTS}
        pairs |= {(self.lent[p], names.LENT) for p in GRANTS}
        return Counter({pair: amount for pair, amount in sums.items() if pair in pairs})

    def account_of(
        self, usage: Iterable[UsageRecord], down: Iterable[NodeRecord], until: datetime
    ) -> PoolAccount:
        """Where each accelerator-second went. Raises UnableToAccount."""
        facts = PoolFacts(
            pool=self.pool.pool,
            accelerators=self.pool.accelerators,
            own_accelerators=0,
            held=tuple(
                HeldFact(
                    start=r.start, end=r.end, accelerators=r.accelerators, kind=r.kind,
                    allocation=r.allocation, project=r.project,
                    key=f"{r.job}/{r.attempt}/{r.start}",
                )
                for r in usage
            ),
            down=tuple(
                Down(start=d.start, end=d.end, accelerators=d.accelerators, node=d.node)
                for d in down
            ),
            entitled=tuple(
                Entitled(
                    start=self.began, end=until, accelerators=most,
                    allocation=f"{self.prefix}-{project}",
                )
                for project, most in GRANTS.items()
            ),
        )  # fmt: skip
        return account_for(facts, Period(self.began, until))


def settled(
    meter: Meter, *, since: datetime | None, within_s: float = 60
) -> tuple[list[UsageRecord], list[NodeRecord], datetime]:
    """Everything since then, asked for as an agent does until what has ended is counted.

    A meter that knows nothing yet says the last hours again: what began before is left out.
    """
    usage: dict[tuple[str, int, datetime], UsageRecord] = {}
    down: dict[tuple[str, datetime], NodeRecord] = {}
    target, cursor = _now(), since

    def reached() -> bool:
        nonlocal cursor
        batch = meter.usage(cursor, datetime.now(UTC))
        fresh = [r for r in batch.usage if since is None or r.start >= since]
        usage.update({(r.job, r.attempt, r.start): r for r in fresh})
        down.update({(n.node, n.start): n for n in batch.nodes})
        cursor = max(batch.complete_through, cursor or batch.complete_through)
        return cursor > target

    eventually(reached, within_s=within_s)
    assert cursor is not None
    return list(usage.values()), list(down.values()), cursor


def _parts(count: int, most: int) -> list[int]:
    return [min(most, count - at) for at in range(0, count, most)]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _local(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S")
