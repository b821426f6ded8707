"""Venus, September: FIFO, SJF and EASY by our kernel and by every peer, jobs per CPU second."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from bench.report import RESULTS, Result, at_least, compared, show
from bench.twin_data import venus, write_all
from bench.twin_ours import Ours, measured
from bench.twin_peers import PUBLISHED, Played, fastest, play
from bench.twin_plot import Bar, speeds

WAYS: Final = ("FIFO", "SJF", "EASY")
PEER_LIMIT_S: Final = 120
TIMES: Final = 100
FASTEST: Final = {"FIFO": ("SAFA", 8_600), "EASY": ("SAFA", 5_400)}
"""The fastest published: jobs per CPU second of the whole process, as printed there."""
HOW: Final = "make bench-twin; 23,859 jobs, 96 nodes × 8, CPU s of processes of their own"


def results() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        ours_at, peers_at = write_all(Path(folder), [venus()])
        ours = {way: measured(way, ours_at, repeats=9) for way in WAYS}
        peers = play(WAYS, peers_at, limit_cpu_s=PEER_LIMIT_S)
    _show(ours, peers)
    speeds(
        RESULTS / "twin-venus.svg",
        {way: _bars(way, ours[way], peers) for way in WAYS},
    )
    return [result for way in WAYS for result in _results(way, ours[way], peers)]


def _show(ours: dict[str, Ours], peers: list[Played]) -> None:
    rows: list[tuple[object, ...]] = []
    for way, one in ours.items():
        rows.append((way, "Dure, engine", one.engine_s, one.jobs / one.engine_s, one.mean_wait_s))
        rows.append((way, "Dure, process", one.whole_s, one.jobs / one.whole_s, one.mean_wait_s))
        for peer in (p for p in peers if p.way == way):
            found = peer.spent.found
            rate = found["jobs"] / peer.spent.cpu_s if found else peer.spent.why
            rows.append((way, peer.peer, peer.spent.cpu_s, rate, found.get("mean_wait_s", "-")))
        for name, (cpu_s, wait) in PUBLISHED[way].items():
            rows.append((way, f"{name}, published", cpu_s, one.jobs / cpu_s, wait))
    show("Venus, September", ("way", "simulator", "CPU s", "jobs/CPU s", "mean wait s"), rows)


def _bars(way: str, ours: Ours, peers: list[Played]) -> list[Bar]:
    ran = {p.peer: p.spent.cpu_s for p in peers if p.way == way and p.finished}
    published = {name: cpu_s for name, (cpu_s, _) in PUBLISHED[way].items()}
    return [
        Bar("Dure, engine", ours.jobs / ours.engine_s, "ours"),
        Bar("Dure, process", ours.jobs / ours.whole_s, "ours"),
        *(Bar(name, ours.jobs / cpu_s, "run") for name, cpu_s in ran.items()),
        *(Bar(name, ours.jobs / cpu_s, "published") for name, cpu_s in published.items()),
    ]


def _results(way: str, ours: Ours, peers: list[Played]) -> list[Result]:
    rate = ours.jobs / ours.engine_s
    speed, unit = f"Venus {way}: jobs per CPU s of the engine", "jobs/CPU s"
    if way in FASTEST:
        name, least = FASTEST[way]
        how = f"{HOW}; the bar is {TIMES} times {name}'s, published"
        made = [at_least(speed, rate, unit, bound=TIMES * least, how=how)]
    else:
        made = [compared(speed, rate, unit, how=HOW)]
    rival = fastest(peers, way)
    if rival is not None:
        times = rival.spent.cpu_s / ours.engine_s
        what = f"Venus {way}: engine over the fastest peer of the run ({rival.peer})"
        made.append(at_least(what, times, "times", bound=TIMES, how=HOW))
    others = [cpu_s for cpu_s, _ in PUBLISHED[way].values()] + (
        [rival.spent.cpu_s] if rival else []
    )
    what = f"Venus {way}: the fastest whole process, published ones too, over ours"
    made.append(at_least(what, min(others) / ours.whole_s, "times", bound=1, how=HOW))
    return made
