"""The process that holds one attempt of a job: it starts the ranks and outlives the engine.

- Run by path with the standard library alone (`python -I -S gang.py DIRECTORY`), so that it is
  up in a few milliseconds.
- It starts its ranks only after it has made the file `claim` in the attempt's directory. Making
  it is exclusive: an engine that comes back and finds none makes it itself, and then this
  attempt never starts. So no attempt can run twice.
- All ranks start or none: if one cannot be started, those before it are killed.
- It is started with its signals held back, so that none is lost before it listens.
- SIGTERM is passed on once, to all ranks; SIGUSR1 kills them. When one rank fails the others are
  told to end and, after `STRAGGLER_S`, killed.
- Rank 0 leads the process group and is reaped last: until then its number cannot be given to
  another process, so a signal to the group never reaches a stranger.
- When all ranks have ended, the first failure's exit code (or 0) and the instant are written to
  `exit`, atomically.
"""

# ruff: noqa: PTH105, PTH108, PTH118, PTH123 - pathlib costs more to import than this process takes to start its ranks

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

STRAGGLER_S = 5.0  # what the other ranks get to save after one of them failed
COULD_NOT_START = 127  # as shells say it


def main(directory: str) -> None:
    watched = {signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    with open(os.path.join(directory, "ranks"), encoding="utf-8") as file:
        ranks = json.load(file)
    if not _claim(directory):
        return
    pids = _start(ranks, directory)
    signalled, code = _attend(pids, watched) if pids else (False, COULD_NOT_START)
    if pids:
        _reap(pids)
    _write(directory, "exit", {"code": code, "ended": time.time(), "signalled": signalled})


def _claim(directory: str) -> bool:
    with open("/proc/self/stat", encoding="utf-8") as file:
        started = file.read().rpartition(")")[2].split()[19]
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
        boot = file.read().strip()
    mine = os.path.join(directory, f"claim.{os.getpid()}")
    with open(mine, "w", encoding="utf-8") as file:
        json.dump({"pid": os.getpid(), "start": int(started), "boot": boot}, file)
    try:
        os.link(mine, os.path.join(directory, "claim"))
    except FileExistsError:
        return False
    finally:
        os.unlink(mine)
    return True


def _start(ranks: list[dict[str, Any]], directory: str) -> list[int]:
    """Start all ranks; an empty list where one of them could not be started."""
    pids: list[int] = []
    try:
        for number, rank in enumerate(ranks):
            os.chdir(rank["directory"])
            log = os.path.join(directory, f"rank-{number}.log")
            pids.append(_spawn(rank, log, pids[0] if pids else 0))
    except OSError as error:
        with open(os.path.join(directory, "rank-0.log"), "a", encoding="utf-8") as file:
            file.write(f"{error}\n")
        if pids:
            os.killpg(pids[0], signal.SIGKILL)
            _reap(pids)
        return []
    _write(directory, "group", {"pids": pids, "starts": [_started(pid) for pid in pids]})
    return pids


def _spawn(rank: dict[str, Any], log: str, group: int) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawnp(
        rank["command"][0],
        rank["command"],
        rank["environment"],
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setpgroup=group,
        setsigmask=[],
        setsigdef=[signal.SIGTERM, signal.SIGUSR1, signal.SIGPIPE],
    )


def _started(pid: int) -> int:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return int(file.read().rpartition(")")[2].split()[19])


def _attend(pids: list[int], watched: set[signal.Signals]) -> tuple[bool, int]:
    """Wait until all ranks ended: were they told to from outside, and the first failure's code."""
    signalled, first = False, 0
    kill_at = None
    while True:
        codes = [_ended(pid) for pid in pids]
        first = first or next((code for code in codes if code), 0)
        if all(code is not None for code in codes):
            return signalled, first
        if kill_at is None and not signalled and first:
            os.killpg(pids[0], signal.SIGTERM)
            kill_at = time.monotonic() + STRAGGLER_S
        left = 3600.0 if kill_at is None else max(0.0, kill_at - time.monotonic())
        got = signal.sigtimedwait(watched, left)
        if kill_at is not None and time.monotonic() >= kill_at:
            os.killpg(pids[0], signal.SIGKILL)
            kill_at = kill_at + 3600.0
        if got is not None and got.si_signo == signal.SIGTERM and not signalled:
            signalled = True
            os.killpg(pids[0], signal.SIGTERM)
        if got is not None and got.si_signo == signal.SIGUSR1:
            os.killpg(pids[0], signal.SIGKILL)


def _ended(pid: int) -> int | None:
    """Its exit code if it has ended; it stays unreaped. None while it runs."""
    result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if result is None:
        return None
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status


def _reap(pids: list[int]) -> None:
    os.killpg(pids[0], signal.SIGKILL)  # what the ranks left behind in their group
    for pid in reversed(pids):
        os.waitpid(pid, 0)


def _write(directory: str, name: str, content: dict[str, Any]) -> None:
    path = os.path.join(directory, name)
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".part", path)


if __name__ == "__main__":
    main(sys.argv[1])
