"""Making a desired state real on Slurm: from nothing, with nothing to do, and one change.

- 500 allocations of 500 projects with ten members each, on one partition of 1,642 x 8 accelerators
  (sleeping nodes), through the agent's own reconciliation: read, difference, write, read back.
- In force: seen in slurmctld's memory (`scontrol show assoc_mgr`), not only in the database.
- One change: an allocation by turns raised and lowered, from the agent's having the new document
  (the hub's long poll answers within a tenth of a second) until slurmctld obeys it.
- Beside it stands the way a script would go: one sacctmgr for each allocation, account and member,
  timed on a few of them in the same run and multiplied.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.report import Result, at_most, compared, show, write

from dure.agent.reconciling import reconcile
from dure.backends.slurm.backend import SlurmBackend
from dure.backends.slurm.names import allocation_qos
from dure.backends.slurm.reading import IN_FORCE, qos_in_force
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.backends.slurm.tools import Slurm
from dure.cli.slurm_lab import Lab, Shape
from dure.protocol import Binding, Desired, MemberAccess

ALLOCATIONS, MEMBERS, CHANGES, QUIET, BY_HAND = 500, 10, 30, 30, 8
NOW = datetime.now(UTC).replace(microsecond=0)
SHAPE = Shape(nodes=1_642, block_nodes=16, sleeping=True)
EMPTY_S, NO_CHANGE_S, ONE_CHANGE_S = 60.0, 2.0, 3.0


def binding(number: int, accelerators: int, *, generation: int = 1) -> Binding:
    return Binding(
        allocation=f"2026-{number:04}",
        project=f"P-{number:04}",
        pool="pool",
        servers=accelerators // 8,
        accelerators=accelerators,
        members=tuple(MemberAccess(username=f"u{number:04}n{m}") for m in range(MEMBERS)),
        starts=NOW - timedelta(days=1),
        ends=NOW + timedelta(days=90),
        generation=generation,
    )


def site_of(lab: Lab) -> SlurmSite:
    pool = SlurmPool(
        pool="pool", model="B200", partition="main", accelerators=SHAPE.nodes * SHAPE.accelerators
    )
    return SlurmSite(
        cluster=SHAPE.cluster,
        pools=(pool,),
        slurm_conf=str(lab.folder.slurm_conf),
        commands=lab.commands,
    )


def desired(bindings: list[Binding], revision: int) -> Desired:
    return Desired(cluster="lab", revision=revision, bindings=tuple(bindings))


def limit(slurm: Slurm, one: Binding) -> int | None:
    name = allocation_qos(one.allocation)
    found = qos_in_force(slurm.ask(*IN_FORCE, f"qos={name}")).get(name)
    return None if found is None else dict(found.limits.tres).get("gres/gpu")


def seconds_until_in_force(
    backend: SlurmBackend, slurm: Slurm, wanted: list[Binding], at: int, revision: int
) -> float:
    """From the agent's having the document until slurmctld is seen to obey the change."""
    seen: list[float] = []

    def watch() -> None:
        while limit(slurm, wanted[at]) != wanted[at].accelerators:
            time.sleep(0.05)
        seen.append(time.perf_counter())

    watcher = threading.Thread(target=watch)
    began = time.perf_counter()
    watcher.start()
    done = reconcile(backend, desired(wanted, revision))
    watcher.join()
    assert not done.failures, done.failures
    assert not done.drift, done.drift
    return seen[0] - began


def by_hand(slurm: Slurm) -> float:
    """Seconds for what a script does for one allocation: QOS, account, ten members."""
    began = time.perf_counter()
    for number in range(BY_HAND):
        set_to = ("set", "GrpTRES=gres/gpu=8", "Flags=DenyOnLimit")
        slurm.do("sacctmgr", "-i", "add", "qos", f"hand-{number}", *set_to)
        slurm.do("sacctmgr", "-i", "add", "account", f"hand-{number}")
        for member in range(MEMBERS):
            where = (f"account=hand-{number}", f"qos=hand-{number}", f"defaultqos=hand-{number}")
            slurm.do("sacctmgr", "-i", "add", "user", f"hand{number}n{member}", *where)
    return (time.perf_counter() - began) / BY_HAND


def cpu_s(lab: Lab) -> float:
    """Of the lab's database, slurmdbd and slurmctld, all their lives."""
    ticks = 0
    for daemon in ("mariadbd", "slurmdbd", "slurmctld"):
        pid = lab.folder.pid_file(daemon).read_text().strip()
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measured(lab: Lab, state: Path) -> dict[str, list[float]]:
    site = site_of(lab)
    slurm = Slurm.of(site)
    wanted = [binding(number, 8 * (1 + number % 4)) for number in range(ALLOCATIONS)]
    with SlurmBackend(state, site=site, clock=lambda: datetime.now(UTC)) as backend:
        began, cpu_began = time.perf_counter(), cpu_s(lab)
        done = reconcile(backend, desired(wanted, 1))
        whole, cpu = time.perf_counter() - began, cpu_s(lab) - cpu_began
        assert not done.failures, done.failures[:3]
        assert not done.drift, done.drift[:3]
        quiet, changed = [], []
        for _ in range(QUIET):
            began = time.perf_counter()
            assert not reconcile(backend, desired(wanted, 1)).changes
            quiet.append(time.perf_counter() - began)
        for turn in range(CHANGES):
            at = turn * 7 % ALLOCATIONS
            wanted[at] = binding(at, 8 if turn % 2 else 48, generation=2)
            changed.append(seconds_until_in_force(backend, slurm, wanted, at, turn + 2))
    return {
        "from nothing": [whole],
        "no change": quiet,
        "one change": changed,
        "from nothing, CPU of the daemons": [cpu],
    }


def p95(found: list[float]) -> float:
    return sorted(found)[max(0, -(-95 * len(found) // 100) - 1)]


def main() -> None:
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as folder:
        lab = Lab(Path(folder) / "lab", SHAPE)
        lab.up()
        try:
            script_s = by_hand(Slurm.of(site_of(lab)))
            found = measured(lab, Path(folder) / "state")
        finally:
            lab.kill()
    load = f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after, 2 cores"
    ahead = "; ahead of other work (chrt -r)" if os.sched_getscheduler(0) == os.SCHED_RR else ""
    how = f"make bench-slurm-binding; 500 allocations, 5,000 members, wall time, {load}{ahead}"
    show(
        f"Seconds, {load}",
        ("case", "n", "least", "median", "p95", "most"),
        [(what, len(s), min(s), statistics.median(s), p95(s), max(s)) for what, s in found.items()],
    )
    whole, quiet, changed, cpu = found.values()
    results: list[Result] = [
        at_most(
            "500 allocations, 5,000 members, from nothing", whole[0], "s", bound=EMPTY_S, how=how
        ),
        compared("the same, CPU of database, slurmdbd and slurmctld", cpu[0], "s", how=how),
        at_most("nothing to change, p95 of 30", p95(quiet), "s", bound=NO_CHANGE_S, how=how),
        compared("nothing to change, median", statistics.median(quiet), "s", how=how),
        at_most("one change in force, p95 of 30", p95(changed), "s", bound=ONE_CHANGE_S, how=how),
        compared("one change in force, median", statistics.median(changed), "s", how=how),
        compared(
            "one command for each object, from nothing (8 allocations, times 500)",
            script_s * ALLOCATIONS,
            "s",
            how=how,
        ),
        compared("the same over ours", script_s * ALLOCATIONS / whole[0], "times", how=how),
    ]
    write("slurm_binding", results)


if __name__ == "__main__":
    main()
