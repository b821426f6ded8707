"""How much of the work that any scheduler could do a pool with lending does; islands beside it.

- The machines that the traces were recorded on, whole: Venus 133 nodes × 8, Philly 311 × 8 (2,490
  accelerators), KTH 100 × 1, Atlas 1,152 × 8, Theta 4,360 × 1. Projects hold equal shares of them;
  a trace's accounts or users are dealt out to the projects, or its jobs where nobody is named.
- As recorded: the bar. Philly's public part fills its machine to 15 % only, so that islands do all
  of it too. Busy: run times scaled to a load of 0.95, to see what is lost where capacity is scarce.
- The bound: work done by t is at most, for every s before t, the work that unlimited capacity would
  have done by s plus the healthy capacity of [s, t). It knows no widths: a gang that finds its
  nodes in pieces counts against us. One queue over the whole machine, first come first served with
  EASY backfill by exact limits, is played too: what a scheduler without shares does.
- Work: what was run less what was lost and less what restarts cost. Occupancy counts these too.
- Delay: from the moment a job fits its entitlement at its turn until it stands under the guarantee.
- Control steps once a day; lent work is taken back as Slurm 25.11 does it (grace 30 s, sweep 30 s).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from bench.report import Result, at_least, at_most, compared, show
from bench.twin_data import TRACES, NoTraces
from bench.twin_process import told

from dure.cli.programme_library import load_programme
from dure.twin import metrics, run, setting
from dure.twin.policies import DEFAULT
from dure.twin.scenario import Scenario
from dure.twin.setting import DAY_S
from dure.twin.work import work_of
from dure.twin.workload import read

BAR: Final = 0.97
BUSY: Final = "0.95"
HOW: Final = "make bench-twin; bench/twin_bound.py"


@dataclass(frozen=True, slots=True)
class Machine:
    """One trace and the machine it was recorded on, shared by so many projects."""

    name: str
    file: str
    nodes: int
    size: int
    projects: int


MACHINES: Final = (
    Machine("Venus", "helios_venus2020_125k", 133, 8, 20),
    Machine("Philly", "philly2017_pollux82k", 311, 8, 15),  # as many as its virtual clusters
    Machine("KTH", "hpc_kth_sp2_1996", 100, 1, 10),
    Machine("Atlas", "hpc_llnl_atlas2006", 1152, 8, 20),
    Machine("Theta", "hpc_alcf_theta2022", 4360, 1, 20),
)


@dataclass(frozen=True, slots=True)
class Played:
    machine: Machine
    load: str | None
    way: str
    found: metrics.Metrics
    bound_s: int

    @property
    def work(self) -> float:
        """Of the bound, without what was lost."""
        return self.found.bound_share or 0.0

    @property
    def occupied(self) -> float:
        """Of the bound, with what was lost."""
        return self.work * self.found.occupancy / self.found.useful_occupancy


def scenario(machine: Machine, load: str | None, projects: int) -> Scenario:
    """The trace on its machine."""
    trace: dict[str, Any] = {"file": f"{machine.file}.csv.gz"}
    span_s = read(TRACES / trace["file"]).trace.span_s()
    return Scenario.model_validate(
        {
            "schema": "dure.twin/1",
            "name": {"ko": machine.name, "en": machine.name},
            "starts": "2026-01-01",
            "days": -(-span_s // DAY_S),
            "supply": {
                "pools": [
                    {
                        "id": machine.name.lower(),
                        "nodes": machine.nodes,
                        "accelerators_per_node": machine.size,
                    }
                ]
            },
            "allocations": {"equal_shares": {"projects": projects}},
            "demand": {"trace": trace if load is None else trace | {"load": load}},
            "profile": "slurm-25.11",
        }
    )


def played(machine: Machine, load: str | None) -> Iterator[Played]:
    """Islands, the pool with lending, and one queue over the whole machine."""
    ways = (
        ("islands", "islands", machine.projects),
        ("pool", DEFAULT, machine.projects),
        ("one queue", "islands", 1),
    )
    for way, policy, projects in ways:
        asked = scenario(machine, load, projects)
        place = setting.setting_of(asked, folder=TRACES, programmes=load_programme)
        work = work_of(place, asked.demand, seed=1)
        play = run.play(asked, place, work, policy=policy, seed=1)
        yield Played(machine, load, way, metrics.measure(play), play.bound_s)


def results() -> list[Result]:
    if not TRACES.exists():
        raise NoTraces("shared/data/traces is not beside the repository")
    found: list[Played] = []
    for load in (None, BUSY):
        for machine in MACHINES:
            found += played(machine, load)
            told(f"bound: {machine.name}, load {load or 'as recorded'}")
    show(
        f"Work done of what any scheduler could do; pool: policy {DEFAULT}",
        ("trace", "load", "way", "work", "occupied", "lost", "take-backs", "p99 s", "bound s"),
        [_row(one) for one in found],
    )
    return [result for one in found for result in _results(one)]


def _row(one: Played) -> tuple[object, ...]:
    found = one.found
    return (
        one.machine.name,
        one.load or "recorded",
        one.way,
        f"{one.work:.4f}",
        f"{one.occupied:.4f}",
        f"{found.lost_hours / found.capacity_hours:.4f}",
        found.take_backs,
        "-" if found.guarantee_p99_s is None or one.way == "one queue" else found.guarantee_p99_s,
        one.bound_s,
    )


def _results(one: Played) -> Iterator[Result]:
    load = f"load {one.load}" if one.load else "as recorded"
    what = f"{one.machine.name}, {load}, {one.way}: share of the work-conserving bound"
    if one.way != "pool":
        yield compared(what, one.work, "", how=HOW)
        return
    if one.load:
        yield compared(what, one.work, "", how=HOW)
    else:
        yield at_least(what, one.work, "", bound=BAR, how=HOW)
    delay = f"{one.machine.name}, {load}: p99 delay of guaranteed starts"
    yield at_most(delay, one.found.guarantee_p99_s or 0.0, "s", bound=one.bound_s, how=HOW)


def main() -> None:
    for one in results():
        print(f"{one.bar}: {one.value} {one.unit}")


if __name__ == "__main__":
    main()
