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

SCENARIO: Final = "national-year"
POLICY: Final = "stewarded"
CASES: Final = {"100 k": (600, 45), "1 M": (600, 365), "5 M": (100, 365)}
"""Median run time in minutes, and days, that come to about so many jobs."""
BAR_CPU_S, BAR_MIB = 15, 2048
LIMIT_CPU_S: Final = 400
HOW: Final = f"make bench-twin; dure twin run, one seed, policy {POLICY}, whole process"


@dataclass(frozen=True, slots=True)
class Year:
    name: str
    spent: Spent
    play: dict[str, Any]


def results() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        years = [_year(Path(folder), name) for name in CASES]
    done = [year for year in years if year.play]
    show(
        f"National year, {POLICY}",
        ("year", "jobs", "CPU s", "MiB", "useful", "of bound", "take-backs", "p99 s"),
        [_row(year) for year in years],
    )
    lines(
        RESULTS / "twin-year.svg",
        [Line("Dure, whole process", [(y.play["jobs"], y.spent.cpu_s) for y in done])],
        x="jobs in the year",
        y="CPU s",
        title="a national year: dure twin run, whole process",
    )
    return [*_bars(done), *_slope(done)]


def _year(folder: Path, name: str) -> Year:
    path = folder / "year.yaml"
    path.write_text(yaml.safe_dump(scenario(*CASES[name]), allow_unicode=True))
    command = [sys.executable, "-m", "dure", "twin", "run", str(path), "--policy", POLICY]
    used = spent([*command, "--seeds", "1", "--json"], limit_cpu_s=LIMIT_CPU_S)
    told(f"{name}: {used.cpu_s:.1f} CPU s, {used.peak_mib:,.0f} MiB{used.why and ', ' + used.why}")
    plays = used.found.get("plays", [])
    return Year(name, used, plays[0] if plays else {})


def scenario(minutes: int, days: int) -> dict[str, Any]:
    """The shipped national year for so many days, with jobs of this median run time."""
    shipped = files("dure.twin").joinpath("scenarios", f"{SCENARIO}.yaml")
    made: dict[str, Any] = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    made["demand"]["synthetic"]["median_run_minutes"] = minutes
    return {**made, "days": days}


def _row(year: Year) -> tuple[object, ...]:
    head = year.name, year.play.get("jobs", "-"), year.spent.cpu_s, round(year.spent.peak_mib)
    if not year.play:
        return (*head, year.spent.why, "-", "-", "-")
    keys = ("useful_occupancy", "bound_share", "take_backs", "take_back_p99_s")
    return (*head, *(year.play[key] for key in keys))


def _bars(years: list[Year]) -> list[Result]:
    made = []
    for year in years:
        what = f"National year, {year.play['jobs']:,} jobs"
        if year.name == "1 M":
            cpu, memory = f"{what}: whole process", f"{what}: memory"
            made.append(at_most(cpu, year.spent.cpu_s, "CPU s", bound=BAR_CPU_S, how=HOW))
            made.append(at_most(memory, year.spent.peak_mib, "MiB", bound=BAR_MIB, how=HOW))
        else:
            made.append(compared(f"{what}: whole process", year.spent.cpu_s, "CPU s", how=HOW))
            made.append(compared(f"{what}: memory", year.spent.peak_mib, "MiB", how=HOW))
    return made


def _slope(years: list[Year]) -> list[Result]:
    if len(years) < len(CASES):
        return []
    logs = np.log([(year.play["jobs"], year.spent.cpu_s) for year in years]).T
    slope = float(np.polyfit(logs[0], logs[1], 1)[0])
    return [compared("National year: growth of CPU time with jobs", slope, "exponent", how=HOW)]
