"""Every simulator that installs from PyPI and can play the bench's jobs, beside ours in one run.

- They are pinned with hashes in `requirements/peers.lock` and live in a folder of their own, which
  is made when they are first asked for. They are run as published, never imported or copied.
- Two run at a time, on two cores; what counts is each one's CPU time, which has a limit.
- A peer keeps its own rules of queue and placement: its mean wait is printed beside its speed.
- What others measured for simulators that do not install from PyPI is kept here as published: on
  another machine, so it is a bar and no comparison.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.twin_process import Spent, spent, told

ROOT: Final = Path(__file__).resolve().parents[1]
HOME: Final = ROOT / ".venv" / "peers"
LOCK: Final = ROOT / "requirements" / "peers.lock"
DRIVERS: Final = {"AccaSim 1.1.3": "accasim_run.py", "hpcsim 0.3.1": "hpcsim_run.py"}

PUBLISHED: Final = {
    "FIFO": {
        "SAFA": (2.8, 11_338.4),
        "S-Lab": (51.9, 11_338.4),
        "AccaSim 1.1.3": (31.3, 13_080.0),
        "AleaNG": (20.0, 13_566.0),
        "CQSim": (47.9, 5_166.0),
        "fleetsim 0.8": (50.0, 17_866.0),
    },
    "SJF": {
        "SAFA": (5.0, 1_078.5),
        "S-Lab": (27.3, 1_011.1),
        "AccaSim 1.1.3": (24.2, 1_233.0),
        "fleetsim 0.8": (15.0, 1_393.0),
    },
    "EASY": {
        "SAFA": (4.4, 3_115.2),
        "AccaSim 1.1.3": (27.3, 1_768.0),
        "AleaNG": (28.1, 2_300.0),
        "CQSim": (23.7, 2_032.0),
        "fleetsim 0.8": (58.7, 9_405.0),
    },
}
"""Venus, September: (CPU s of the whole process, mean wait in s), measured earlier elsewhere."""

PUBLISHED_NATIONAL: Final = {"AleaNG": 162.0}
"""CPU s for 218,376 jobs under FIFO; AleaNG's EASY and SAFA's both were stopped at 900 s."""


class CannotInstall(Exception):
    """The peers' folder could not be made; the last line of the installer says why."""


@dataclass(frozen=True, slots=True)
class Played:
    peer: str
    way: str
    spent: Spent

    @property
    def finished(self) -> bool:
        return not self.spent.why


def python() -> Path:
    """The Python that has the peers; made on first use."""
    made = HOME / ".made"
    if not made.exists() or made.stat().st_mtime < LOCK.stat().st_mtime:
        told("installing the peers, from requirements/peers.lock")
        _call([sys.executable, "-m", "venv", str(HOME)])
        binary = str(HOME / "bin" / "python")
        uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", binary]
        _call([*uv, "--require-hashes", "-r", str(LOCK)])
        made.touch()
    return HOME / "bin" / "python"


def _call(command: Sequence[str]) -> None:
    env = {**os.environ, "UV_CACHE_DIR": str(ROOT / ".venv" / "uv-cache")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        raise CannotInstall((done.stderr.strip().splitlines() or ["no reason given"])[-1])


def play(ways: Sequence[str], pools: Sequence[str], *, limit_cpu_s: int) -> list[Played]:
    """All peers, all ways; none where they cannot be installed, which is said."""
    try:
        binary = python()
    except CannotInstall as error:
        told(f"peers are left out, they cannot be installed: {error}")
        return []

    def one(peer: str, way: str) -> Played:
        script = str(ROOT / "bench" / "peers" / DRIVERS[peer])
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        used = spent([str(binary), script, way, *pools], limit_cpu_s=limit_cpu_s, env=threads)
        told(f"{peer} {way}: {used.cpu_s:.1f} CPU s{used.why and ', ' + used.why}")
        return Played(peer, way, used)

    with ThreadPoolExecutor(2) as two:
        tasks = [two.submit(one, peer, way) for way in ways for peer in DRIVERS]
        return [task.result() for task in tasks]


def fastest(played: Sequence[Played], way: str) -> Played | None:
    """The one with the least CPU time among those that came to an end."""
    own = [p for p in played if p.way == way and p.finished]
    return min(own, key=lambda p: p.spent.cpu_s, default=None)
