"""National, 14 days: 218,376 jobs on 1,642 nodes in five clusters, whole processes.

- Peers are tried under FIFO alone, for 100 CPU seconds: how many of the five clusters they had done
  by then is said. Nobody was seen to finish within 900 s under EASY, and AleaNG alone under FIFO.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from bench.report import Result, at_least, compared, show
from bench.twin_data import national, write_all
from bench.twin_ours import Ours, measured
from bench.twin_peers import PUBLISHED_NATIONAL, Played, fastest, play

WAYS: Final = ("FIFO", "EASY")
TIMES: Final = 100
PEER_LIMIT_S: Final = 100
HOW: Final = "make bench-twin; 218,376 jobs, 1,642 nodes × 8, whole processes"


def results() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        ours_at, peers_at = write_all(Path(folder), national())
        ours = {way: measured(way, ours_at, repeats=3) for way in WAYS}
        peers = play(["FIFO"], peers_at, limit_cpu_s=PEER_LIMIT_S)
    _show(ours, peers)
    return [result for way in WAYS for result in _results(way, ours[way], peers)]


def _show(ours: dict[str, Ours], peers: list[Played]) -> None:
    rows: list[tuple[object, ...]] = []
    for way, one in ours.items():
        rows.append((way, "Dure, engine", one.engine_s, f"mean wait {one.mean_wait_s:,.1f} s"))
        rows.append((way, "Dure, process", one.whole_s, f"{one.peak_mib:,.0f} MiB"))
        for peer in (p for p in peers if p.way == way):
            said = peer.spent.why and f"{peer.spent.why}, {len(peer.spent.said)} of 5 clusters done"
            rows.append((way, peer.peer, peer.spent.cpu_s, said))
    rows += [("FIFO", f"{name}, published", s, "") for name, s in PUBLISHED_NATIONAL.items()]
    show("National, 14 days", ("way", "simulator", "CPU s", ""), rows)


def _results(way: str, ours: Ours, peers: list[Played]) -> list[Result]:
    made = [compared(f"National {way}: whole process", ours.whole_s, "CPU s", how=HOW)]
    if way == "FIFO":
        name, least = min(PUBLISHED_NATIONAL.items(), key=lambda item: item[1])
        what = f"National FIFO: {name}'s process, as published, over ours"
        made.append(at_least(what, least / ours.whole_s, "times", bound=TIMES, how=HOW))
    rival = fastest(peers, way)
    if rival is not None:
        what = f"National {way}: the fastest peer of the run ({rival.peer}) over ours"
        times = rival.spent.cpu_s / ours.whole_s
        made.append(at_least(what, times, "times", bound=TIMES, how=HOW))
    for peer in (p for p in peers if p.way == way and not p.finished):
        what = f"National {way}: {peer.peer} had not finished; its time so far over ours"
        made.append(compared(what, peer.spent.cpu_s / ours.whole_s, "times", how=HOW))
    return made
