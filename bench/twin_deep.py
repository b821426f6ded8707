"""Deep queues: EASY with users' limits, looking at a thousand jobs behind the blocked one.

- Each log arrives 1.3, 2, 4 and 16 times as fast as it was recorded: the queue grows to tens of
  thousands, and the cost of a job is drawn against how many wait on average.
- The bar is held where tens of thousands wait: at each log's fastest arrivals.
- The slope is that of the straight line through the logarithms: 0 is a cost that does not grow with
  the queue, 1 one that grows as the queue does.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from bench.report import RESULTS, Result, at_least, compared, show
from bench.twin_data import DEEP, deep, write_columns
from bench.twin_ours import Ours, measured
from bench.twin_plot import Line, lines

TIMES: Final = (1.3, 2.0, 4.0, 16.0)
DEPTH: Final = 1000
BAR: Final = 100_000
HOW: Final = f"make bench-twin; EASY, users' limits, depth {DEPTH:,}, arrivals × {TIMES[-1]:g}"


@dataclass(frozen=True, slots=True)
class Point:
    log: str
    times: float
    ours: Ours

    @property
    def rate(self) -> float:
        return self.ours.jobs / self.ours.engine_s


def results() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        points = [_point(Path(folder), log, times) for log in DEEP for times in TIMES]
    show(
        f"Deep queues, EASY, depth {DEPTH:,}",
        ("log", "arrivals ×", "jobs", "waiting", "at most", "engine CPU s", "jobs/CPU s"),
        [
            (
                p.log,
                p.times,
                p.ours.jobs,
                p.ours.waiting,
                p.ours.most_waiting,
                p.ours.engine_s,
                p.rate,
            )
            for p in points
        ],
    )
    lines(
        RESULTS / "twin-deep.svg",
        [_line(log, [p for p in points if p.log == log]) for log in DEEP],
        x="jobs waiting on average",
        y="CPU µs a job",
        title=f"deep queues: EASY, users' limits, depth {DEPTH:,}",
        bar=1e6 / BAR,
    )
    return [r for log in DEEP for r in _results(log, [p for p in points if p.log == log])]


def _point(folder: Path, log: str, times: float) -> Point:
    one = deep(log, times)
    pool = write_columns(folder / f"{log}-{times}.csv", one)
    return Point(log, times, measured(f"EASY-{DEPTH}", [pool], repeats=2, whole=0))


def _line(log: str, points: list[Point]) -> Line:
    return Line(log, [(p.ours.waiting, 1e6 / p.rate) for p in points])


def _results(log: str, points: list[Point]) -> list[Result]:
    deepest = points[-1]
    many = f"{deepest.ours.waiting:,.0f} waiting, {deepest.ours.most_waiting:,} at most"
    what = f"Deep queue of {log}: {many}"
    logs = np.log([(p.ours.waiting, 1 / p.rate) for p in points]).T
    slope = float(np.polyfit(logs[0], logs[1], 1)[0])
    return [
        at_least(what, deepest.rate, "jobs/CPU s", bound=BAR, how=HOW),
        compared(f"Deep queue of {log}: growth of a job's cost", slope, "exponent", how=HOW),
    ]
