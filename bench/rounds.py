"""Rounds of three sizes, beside a spreadsheet's way and one plain model in two solvers.

- The rounds are made from a seed (tests/scenarios/round_sizes.py). The ways are Dure's planner;
  by rank until the pool is empty (`rounds_by_rank`); and the plain model (`rounds_plain`), with
  strict rank and, so that it has something it can finish, without.
- Each way decides each round in a process of its own (`rounds_way`); all are counted by the same
  lines (`rounds_count`), which know neither planner nor checker.
- Gap is (bound - merit) / bound. Where a plain model reached the gap that Dure had at its end, its
  time is the moment it first did.
- The rows of a plain model are the same for both solvers: where they were not made in time for
  one, they are not tried again for the other.
- `python -m bench.rounds SIZE ...` tries some sizes only and keeps no results.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace

from bench.report import RESULTS, Result, at_least, at_most, compared, show, write
from bench.rounds_count import Count
from bench.rounds_plain import NO_ROWS
from bench.rounds_plot import Paths, plot
from bench.rounds_way import Report

KOREA = tuple(
    f"korea-{pools}-{how}{months}"
    for months in ("", "-months")
    for pools in (3, 5)
    for how in ("open", "capped")
)
SIZES = (*KOREA, "5000x20", "20000x40x24")
SEEDS = {size: (1, 2) if size in KOREA else (1,) for size in SIZES}
PLAIN_LIMIT_S = {**dict.fromkeys(KOREA, 20), "5000x20": 60, "20000x40x24": 120}
RULES = ("strict-rank", "score-weighted")
SHOWN = ("korea-3-open", "korea-5-capped", "korea-5-capped-months", "5000x20", "20000x40x24")
"""The rounds, of the first seed, that the plain models and the spreadsheet are tried on."""
PLAIN = ("plain CP-SAT", "plain HiGHS")
BY_RANK = ("by rank, stop", "by rank, skip")
HARD_STOP = 4
"""Any contestant that runs this many times its limit in wall time is ended; ours knows no limit."""


def decide(way: str, name: str, limit_s: int) -> Report:
    """What one contestant reports, or why it could not."""
    command = [sys.executable, "-m", "bench.rounds_way", way, name, str(limit_s)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=HARD_STOP * limit_s + 30, check=False
        )
    except subprocess.TimeoutExpired as error:
        return _ended(way, name, before, f"ended after {error.timeout:.0f} s")
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        return _ended(way, name, before, f"died: {last[:60]}")
    read = json.loads(done.stdout.splitlines()[-1])
    report = Report(**{f.name: read[f.name] for f in fields(Report)})
    report.count = Count(**read["count"]) if read["count"] else None
    return report


def _ended(way: str, name: str, before: resource.struct_rusage, why: str) -> Report:
    """One that could not report itself: what its process had spent, starting included."""
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Report(way, name, cpu_s, cpu_s, after.ru_maxrss / 1024, failed=why)


def contests(sizes: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(way, round), every contest that is held."""
    for size in sizes:
        for rules in RULES:
            ours = SEEDS[size] if rules == "strict-rank" else (1,)
            yield from (("Dure", f"{size}/{rules}/{seed}") for seed in ours)
            if size in SHOWN:
                others = (*BY_RANK, *PLAIN) if rules == "strict-rank" else PLAIN
                yield from ((way, f"{size}/{rules}/1") for way in others)


def gap_pct(report: Report) -> float | None:
    if report.count is None or report.bound is None:
        return None
    return _gap_pct(report.count.merit, report.bound)


def _gap_pct(merit: int, bound: int) -> float:
    return 100 * max(0, bound - merit) / bound if bound else 0.0


def reached_s(report: Report, gap: float) -> float | None:
    """CPU seconds until the contestant's gap was first as small as this; None if it never was."""
    for seconds, merit, bound in report.points:
        if _gap_pct(merit, bound) <= gap:
            return seconds
    own = gap_pct(report)
    return report.cpu_s if own is not None and own <= gap else None


def row(report: Report) -> tuple[object, ...]:
    found, gap = report.count, gap_pct(report)
    head = report.round.removesuffix("/1"), report.way, report.cpu_s, report.built_cpu_s or "-"
    if found is None:
        return (*head, report.failed, *("-",) * 7, round(report.peak_mib))
    return (
        *head,
        "-" if gap is None else round(gap, 5),
        round(found.merit / 1000),
        found.served,
        round(found.score),
        round(found.idle_pct, 2),
        found.complaints,
        found.broken,
        "-" if report.bound is None else round(report.bound / 1000),
        round(report.peak_mib),
    )


HEADS = (
    *("round", "way", "CPU s", "of it building", "gap %", "merit", "served", "score"),
    *("idle %", "complaints", "broken", "bound", "MiB"),
)


def ratios(reports: list[Report]) -> list[tuple[Report, float | None, float]]:
    """Each plain model: CPU over Dure's at Dure's gap (None: never reached), and what is sure."""
    ours = {r.round: r for r in reports if r.way == "Dure"}
    found = []
    for report in reports:
        if report.way in PLAIN:
            dure = ours[report.round]
            reached = reached_s(report, gap_pct(dure) or 0.0)
            ratio = None if reached is None else reached / dure.cpu_s
            found.append((report, ratio, report.cpu_s / dure.cpu_s))
    return found


def results(reports: list[Report]) -> list[Result]:
    strict = [r for r in reports if r.way == "Dure" and "/strict-rank/" in r.round]
    korea = [r for r in strict if r.round.startswith("korea")]
    how = "make bench-rounds; CPU of one process, its libraries loaded; one solver thread"
    bars = [
        at_most(
            "plan for a round of Korea's size: CPU, slowest of the rounds",
            max(r.cpu_s for r in korea),
            "CPU s",
            bound=1.0,
            how=f"{how}; {len(korea)} rounds, median of up to 3 runs each",
        ),
        at_most(
            "rounds of Korea's size not proven best",
            sum((gap_pct(r) or 0) > 0 or r.count is None for r in korea),
            "rounds",
            bound=0,
            how=f"{how}; of {len(korea)}",
        ),
    ]
    for size, seconds, mib in (("5000x20", 10, None), ("20000x40x24", 60, 4096)):
        bars += _large(size, next(r for r in strict if r.round.startswith(size)), seconds, mib, how)
    bars.append(_complaints(strict, how))
    return [*bars, *_compared(reports, how)]


def _large(size: str, report: Report, seconds: int, mib: int | None, how: str) -> list[Result]:
    gap = gap_pct(report)
    if gap is None:
        return [at_most(f"{size}: gap", 100.0, "%", bound=0.1, how=f"{how}; {report.failed}")]
    bars = [
        at_most(f"{size}: gap", gap, "%", bound=0.1, how=how),
        at_most(f"{size}: CPU", report.cpu_s, "CPU s", bound=seconds, how=how),
    ]
    if mib is not None:
        bars.append(
            at_most(f"{size}: peak memory", round(report.peak_mib), "MiB", bound=mib, how=how)
        )
    return bars


def _complaints(strict: list[Report], how: str) -> Result:
    counted = [r.count for r in strict if r.count]
    wronged = sum(found.complaints + found.broken for found in counted)
    what = "justified complaints and broken bounds in Dure's plans"
    return at_most(what, wronged, "cases", bound=0, how=f"{how}; {len(counted)} plans")


def _compared(reports: list[Report], how: str) -> list[Result]:
    found = ratios(reports)
    even = [ratio for _, ratio, _ in found if ratio is not None]
    lines = []
    if even:
        what = "plain model's CPU over Dure's at Dure's gap, least where it got there"
        lines.append(at_least(what, min(even), "times", bound=10, how=f"{how}; {len(even)} cases"))
    never = len(found) - len(even)
    lines.append(
        compared("plain models that did not get to Dure's gap", never, f"of {len(found)}", how=how)
    )
    for report, ratio, sure in found:
        what = f"{report.way} over Dure, {report.round.removesuffix('/1')}"
        note = "at Dure's gap" if ratio is not None else report.failed or "stopped short of it"
        value = ratio if ratio is not None else sure
        lines.append(compared(what, value, "times the CPU", how=note))
    return [*lines, *_beside_rank(reports, how)]


def _beside_rank(reports: list[Report], how: str) -> Iterator[Result]:
    ours = {r.round: r.count for r in reports if r.way == "Dure"}
    for report in reports:
        dure = ours[report.round]
        if report.way in BY_RANK and report.count and dure:
            gain = 100 * (dure.merit / report.count.merit - 1)
            where = f"{report.way}, {report.round.split('/')[0]}"
            yield compared(f"Dure's merit over {where}", gain, "%", how=how)


def pictures(reports: list[Report]) -> None:
    """Writes `results/rounds.svg`."""
    ours = {r.round: gap_pct(r) or 0.0 for r in reports if r.way == "Dure"}
    times = [
        (r.round.split("/")[0], r, r.way in BY_RANK or reached_s(r, ours[r.round]) is not None)
        for size in SHOWN
        for r in reports
        if r.round == f"{size}/strict-rank/1"
    ]
    gaps = [
        (f"{name.split('/')[0]}, {name.split('/')[1]}", _paths(reports, name))
        for name in ("korea-5-capped-months/strict-rank/1", "5000x20/score-weighted/1")
    ]
    plot(RESULTS / "rounds.svg", times, gaps)


def _paths(reports: list[Report], name: str) -> Paths:
    paths: Paths = {}
    for report in reports:
        last = gap_pct(report)
        if report.round == name and last is not None:
            points = [(s, _gap_pct(m, b)) for s, m, b in report.points if m]
            paths[report.way] = [*points, (report.cpu_s, last)]
    return paths


def main() -> None:
    sizes = tuple(sys.argv[1:]) or SIZES
    reports: list[Report] = []
    rowless: dict[str, Report] = {}
    for way, name in contests(sizes):
        report = rowless.get(name) if way in PLAIN else None
        if report is None:
            report = decide(way, name, PLAIN_LIMIT_S[name.split("/")[0]])
        if report.failed == NO_ROWS:
            rowless[name] = report
        reports.append(replace(report, way=way))
        print(way, name, round(report.cpu_s, 2), "CPU s", file=sys.stderr, flush=True)
    show("rounds of three sizes", HEADS, [row(r) for r in reports])
    if sizes == SIZES:
        pictures(reports)
        write("rounds", results(reports))


if __name__ == "__main__":
    main()
