"""How a benchmark says what it found.

- A result with a bound is a bar and holds or not; one without is a comparison made in the same run.
- CPU seconds are of this process, all threads; on a shared machine they say more than wall time.
- The table and the file say the same; a bar that does not hold fails nothing here, it is named.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

RESULTS = Path(__file__).with_name("results")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. `bound` and `holds` are None where there is no bar to hold."""

    bar: str
    value: float
    unit: str
    bound: float | None
    holds: bool | None
    how: str


@dataclass(frozen=True, slots=True)
class Spent:
    """Medians over the repeats, and the least, in seconds. Noise of other work only adds."""

    cpu_s: float
    wall_s: float
    least_cpu_s: float


def at_most(bar: str, value: float, unit: str, *, bound: float, how: str) -> Result:
    return Result(bar, _short(value), unit, bound, value <= bound, how)


def at_least(bar: str, value: float, unit: str, *, bound: float, how: str) -> Result:
    return Result(bar, _short(value), unit, bound, value >= bound, how)


def compared(what: str, value: float, unit: str, *, how: str) -> Result:
    return Result(what, _short(value), unit, None, None, how)


def measure(work: Callable[[], Made], *, repeats: int) -> tuple[Made, Spent]:
    """What `work` makes (the last time) and what it costs (the median time)."""
    cpu, wall = [], []
    for _ in range(repeats):
        cpu_before, wall_before = time.process_time(), time.perf_counter()
        made = work()
        cpu.append(time.process_time() - cpu_before)
        wall.append(time.perf_counter() - wall_before)
    return made, Spent(statistics.median(cpu), statistics.median(wall), min(cpu))


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table."""
    lines = [[_cell(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"\n{title}")
    for line in lines:
        print("  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())


def write(name: str, results: Sequence[Result]) -> None:
    """Prints the results, names the bars that do not hold, keeps all in `results/NAME.json`."""
    show(
        f"{name}: results",
        ("what", "value", "unit", "bound", ""),
        [
            (r.bar, r.value, r.unit, "-" if r.bound is None else r.bound, _verdict(r))
            for r in results
        ],
    )
    failed = [r.bar for r in results if r.holds is False]
    print("  does not hold: " + "; ".join(failed) if failed else "  every bar holds")
    RESULTS.mkdir(exist_ok=True)
    part = RESULTS / f"{name}.tmp"
    part.write_text(json.dumps([asdict(r) for r in results], indent=2, ensure_ascii=False) + "\n")
    part.replace(RESULTS / f"{name}.json")


def _verdict(result: Result) -> str:
    if result.holds is None:
        return "compared"
    return "holds" if result.holds else "DOES NOT HOLD"


def _cell(cell: object) -> str:
    return f"{_short(cell):,}" if isinstance(cell, int | float) else str(cell)


def _short(value: float) -> float:
    """Four significant digits; whole numbers as they are."""
    return value if isinstance(value, int) else float(f"{value:.4g}")
