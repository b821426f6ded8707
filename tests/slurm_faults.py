"""What can break on a real Slurm site under load, and the books that must be right after.

- A fault strikes so often while the load goes on; then everything ends, is counted and compared.
- One guaranteed job on the first node runs from before the faults until after them. Nothing may
  touch it.
- A fault leaves the site whole: what it took away is back before it returns.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.slurm_load import OWNERS, Load, Site, until
from tests.slurm_truth import counted, differences, held, not_spared, truth

from dure.cli.slurm_lab import processes

VICTIM: Final = "n3"
"""The node that dies and hangs; the guaranteed job that nothing may touch runs on n1."""

SETTLED_WITHIN_S: Final = 300.0
"""On two busy cores a hundred short jobs take two minutes."""

Strike = Callable[[Site], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one fault did to the books and the jobs."""

    fault: str
    times: int
    jobs: int
    runs: int
    accelerator_seconds: int
    lost: int
    doubled: int
    forgotten: int
    """Counted by the hub while it ran, and overwritten in Slurm's accounting by the next run."""
    touched: int
    """Guaranteed jobs that did not run once, to their end, though their node stood."""
    seconds: float

    @property
    def holds(self) -> bool:
        return (self.lost, self.doubled, self.touched) == (0, 0, 0)


def play(site: Site, fault: str, strike: Strike, *, times: int, seed: int = 1) -> Outcome:
    """The fault so often, under load; then everything ends, is counted and compared."""
    began = time.monotonic()
    touched, anchor = _struck(site, strike, times=times, seed=seed)
    ended = datetime.now(UTC) + timedelta(seconds=1)
    until(lambda: site.said_through(ended), "all use is said", within_s=SETTLED_WITHIN_S)
    true, states = truth(site, anchor)
    lost, doubled, forgotten = differences(true, counted(site, anchor))
    return Outcome(
        fault=fault,
        times=times,
        jobs=len(true),
        runs=sum(map(len, true.values())),
        accelerator_seconds=sum(map(held, true.values())),
        lost=lost,
        doubled=doubled + len(site.records.conflicts()),
        forgotten=forgotten,
        touched=touched + not_spared(site, states, victim=strike in (kill_node, hang_node)),
        seconds=time.monotonic() - began,
    )


def _struck(site: Site, strike: Strike, *, times: int, seed: int) -> tuple[int, int]:
    """Whether the guaranteed job was touched, and its number. When this returns every job ended."""
    asked = ("-A", OWNERS, f"--gres=gpu:{site.lab.shape.model}:1", "-w", "n1")
    number = int(site.submit(*asked, run="sleep 7200"))
    anchor = str(number)
    until(lambda: site.shown(anchor, "%T") == "RUNNING", "the guaranteed job runs")
    started = site.shown(anchor, "%S")
    with Load(site, seed=seed):
        for _ in range(times):
            time.sleep(2)
            strike(site)
    until(lambda: site.queued() == {anchor}, "every job ends", within_s=SETTLED_WITHIN_S)
    touched = site.shown(anchor, "%T") != "RUNNING" or site.shown(anchor, "%S") != started
    site.lab.run("scancel", anchor)
    until(lambda: not site.queued(), "the guaranteed job ends")
    return int(touched), number


def all_of(*strikes: Strike) -> Strike:
    """One after the other, under the same load."""

    def strike(site: Site) -> None:
        for one in strikes:
            one(site)

    return strike


def kill_agent(site: Site) -> None:
    """kill -9 at a random moment of its work; another is started as a supervisor would."""
    site.kill_agent()
    site.start_agent()


def without_hub(down_s: float) -> Strike:
    def strike(site: Site) -> None:
        site.kill_hub()
        time.sleep(down_s)
        site.start_hub()

    return strike


def restart_controller(site: Site) -> None:
    """As an upgrade or a changed slurm.conf does it: told to end, it writes down what it knows."""
    pid = processes.of_pid_file(site.lab.folder, "slurmctld")
    processes.end([] if pid is None else [pid], how=signal.SIGTERM)
    site.lab.start_controller()
    time.sleep(2)


def without_accounting(down_s: float) -> Strike:
    def strike(site: Site) -> None:
        site.lab.kill_accounting()
        time.sleep(down_s)
        site.lab.start_accounting()

    return strike


def kill_node(site: Site) -> None:
    """The node dies with everything on it and comes back when Slurm has noticed."""
    site.lab.kill_node(VICTIM)
    until(lambda: _node(site).startswith("down"), "Slurm notices", within_s=90)
    site.lab.start_nodes([VICTIM])
    _back(site)


def hang_node(site: Site) -> None:
    """The node's daemon is silent until Slurm has given it up, while its jobs run on."""
    site.lab.hang_node(VICTIM)
    until(lambda: _node(site).startswith("down"), "Slurm notices", within_s=90)
    site.lab.wake_node(VICTIM)
    _back(site)


def cut_network(down_s: float) -> Strike:
    def strike(site: Site) -> None:
        site.wire.cut()
        time.sleep(1)
        before = site.arrived()
        time.sleep(down_s)
        assert site.arrived() == before, "a report came through the cut"
        site.wire.mend()

    return strike


def fill_disk(down_s: float) -> Strike:
    """The spool must stand on a file system of its own (`small_disk`)."""

    def strike(site: Site) -> None:
        ballast = site.state.root / "spool" / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
        until(lambda: "of the spool is full" in site.problems(), "the agent says that it is full")
        time.sleep(down_s)
        ballast.unlink()

    return strike


@contextlib.contextmanager
def small_disk(site: Site) -> Iterator[bool]:
    """The spool on half a megabyte while the agent is away; whether that was possible (root)."""
    place = site.state.root / "spool"
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    site.kill_agent()
    waiting = sorted((place / "waiting").glob("*.json"))
    newest = sorted(place.rglob("*.json"), key=lambda path: path.name)[-1:]
    kept = {path.relative_to(place): path.read_bytes() for path in (*newest, *waiting)}
    done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if done:
        for path, content in kept.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(content)
    site.start_agent()
    try:
        yield done
    finally:
        if done:
            site.kill_agent()
            last = {path.relative_to(place): path.read_bytes() for path in place.rglob("*.json")}
            subprocess.run(["umount", str(place)], check=True)
            for path, content in last.items():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_bytes(content)
            site.start_agent()


def _node(site: Site) -> str:
    return site.lab.states().get(VICTIM, "")


def _back(site: Site) -> None:
    until(lambda: not _node(site).startswith("down"), "the node is back", within_s=90)
