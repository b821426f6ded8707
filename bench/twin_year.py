"""A national year by the command itself: `dure twin run`, the whole process.

- The shipped scenario `national-year`: 1,642 nodes × 8 in five clusters, node failures, lending and
  taking back, a control step each day, reclaim, a waitlist and a round each month.
- As many jobs as asked for: at the same load, shorter jobs are more jobs, fewer days fewer.
- The slope is that of the straight line through the logarithms of jobs and CPU time: 1 is linear.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from bench.report import RESULTS, Result, at_most, compared, show
from bench.twin_plot import Line, lines
from bench.twin_process import Spent, spent, told

from dure.twin.policies import DEFAULT

SCENARIO: Final = "national-year"
GROWN: Final = "stewarded"
"""The policy with most to decide, played at all sizes; the default one at a million jobs."""
CASES: Final = {"100 k": (340, 46), "1 M": (340, 365), "5 M": (62, 365)}
"""Median run time in minutes, and days, that come to about so many jobs."""
WARM: Final = (340, 2)
"""Played first and not kept: it leaves the compiled kernel on disk, should it be new."""
BAR_CPU_S, BAR_MIB = 15, 2048
LIMIT_CPU_S: Final = 400
HOW: Final = "make bench-twin; dure twin run national-year, one seed, whole process"


@dataclass(frozen=True, slots=True)
class Year:
    name: str
    policy: str
    spent: Spent
    play: dict[str, Any]


def results() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        _year(Path(folder), "warm", GROWN)
        asked = [*((name, GROWN) for name in CASES), ("1 M", DEFAULT)]
        years = [_year(Path(folder), name, policy) for name, policy in asked]
    grown = [year for year in years if year.play and year.policy == GROWN]
    show(
        "National year",
        ("year", "policy", "jobs", "CPU s", "MiB", "useful", "of bound", "take-backs", "p99 s"),
        [_row(year) for year in years],
    )
    lines(
        RESULTS / "twin-year.svg",
        [Line(f"Dure, {GROWN}", [(y.play["jobs"], y.spent.cpu_s) for y in grown])],
        x="jobs in the year",
        y="CPU s",
        title="a national year: dure twin run, whole process",
    )
    return [*(result for year in years if year.play for result in _bars(year)), *_slope(grown)]


def _year(folder: Path, name: str, policy: str) -> Year:
    path = folder / "year.yaml"
    path.write_text(yaml.safe_dump(scenario(*CASES.get(name, WARM)), allow_unicode=True))
    command = [sys.executable, "-m", "dure", "twin", "run", str(path), "--policy", policy]
    used = spent([*command, "--seeds", "1", "--json"], limit_cpu_s=LIMIT_CPU_S)
    why = used.why and ", " + used.why
    told(f"{name}, {policy}: {used.cpu_s:.1f} CPU s, {used.peak_mib:,.0f} MiB{why}")
    plays = used.found.get("plays", [])
    return Year(name, policy, used, plays[0] if plays else {})


def scenario(minutes: int, days: int) -> dict[str, Any]:
    """The shipped national year for so many days, with jobs of this median run time."""
    shipped = files("dure.twin").joinpath("scenarios", f"{SCENARIO}.yaml")
    made: dict[str, Any] = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    made["demand"]["synthetic"]["median_run_minutes"] = minutes
    return {**made, "days": days}


def _row(year: Year) -> tuple[object, ...]:
    jobs = year.play.get("jobs", "-")
    head = year.name, year.policy, jobs, year.spent.cpu_s, round(year.spent.peak_mib)
    if not year.play:
        return (*head, year.spent.why, "-", "-", "-")
    keys = ("useful_occupancy", "bound_share", "take_backs", "take_back_p99_s")
    return (*head, *(year.play[key] for key in keys))


def _bars(year: Year) -> tuple[Result, Result]:
    what = f"National year, {year.play['jobs']:,} jobs, {year.policy}"
    cpu, memory = f"{what}: whole process", f"{what}: memory"
    cpu_s, mib = year.spent.cpu_s, year.spent.peak_mib
    if year.name == "1 M":
        return (
            at_most(cpu, cpu_s, "CPU s", bound=BAR_CPU_S, how=HOW),
            at_most(memory, mib, "MiB", bound=BAR_MIB, how=HOW),
        )
    return compared(cpu, cpu_s, "CPU s", how=HOW), compared(memory, mib, "MiB", how=HOW)


def _slope(years: list[Year]) -> list[Result]:
    if len(years) < len(CASES):
        return []
    logs = np.log([(year.play["jobs"], year.spent.cpu_s) for year in years]).T
    slope = float(np.polyfit(logs[0], logs[1], 1)[0])
    return [compared("National year: growth of CPU time with jobs", slope, "exponent", how=HOW)]
