"""Which processes are a lab's, and ending them.

- A pid counts only where the process says itself whose it is: by the lab's folder in its arguments,
  its environment or its sockets. A stale pid file never ends somebody else's process.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from dure.cli.slurm_lab.shape import Folder

_PROC: Final = Path("/proc")
_GONE_S: Final = 10.0


def of_pid_file(folder: Folder, name: str) -> int | None:
    """The daemon whose pid file this is, if it runs and is the lab's."""
    try:
        pid = int(folder.pid_file(name).read_text().strip() or 0)
    except (OSError, ValueError):
        return None
    return pid if pid and _belongs(folder, pid) else None


def steps(folder: Folder, node: str = "") -> set[int]:
    """slurmstepd, of one node or all: its environment is blank, its sockets are in the spool."""
    spool = f"{folder.root}/spool/{node}{'/' if node else ''}"
    inodes = {
        inode
        for line in _read(_PROC / "net" / "unix").splitlines()
        for *_, inode, path in [line.split()]
        if path.startswith(spool)
    }
    wanted = {f"socket:[{inode}]" for inode in inodes}
    if not wanted:
        return set()
    return {pid for pid in _pids() if wanted & set(_descriptors(pid))}


def jobs(folder: Folder, node: str = "") -> set[int]:
    """What jobs started, on one node or all: their environment says the lab, the node, the job."""
    ours = f"SLURM_CONF={folder.slurm_conf}"
    there = f"SLURMD_NODENAME={node}"

    def is_job(pid: int) -> bool:
        words = _read(_PROC / str(pid) / "environ").split("\0")
        named = any(word.startswith("SLURM_JOB_ID=") for word in words)
        return ours in words and named and (not node or there in words)

    return {pid for pid in _pids() if pid != os.getpid() and is_job(pid)}


def end(pids: Iterable[int], *, how: signal.Signals = signal.SIGKILL) -> None:
    """Signals them all, and returns when they are gone. Raises TimeoutError."""
    left = set(pids)
    for pid in left:
        _signal(pid, how)
    until = time.monotonic() + _GONE_S
    while left := {pid for pid in left if _is_alive(pid)}:
        if time.monotonic() > until:
            msg = f"processes {sorted(left)} do not end"
            raise TimeoutError(msg)
        time.sleep(0.02)


def send(pids: Iterable[int], how: signal.Signals) -> None:
    """Signals them all."""
    for pid in pids:
        _signal(pid, how)


def _signal(pid: int, how: signal.Signals) -> None:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return


def _belongs(folder: Folder, pid: int) -> bool:
    said = _read(_PROC / str(pid) / "cmdline") + _read(_PROC / str(pid) / "environ")
    return f"{folder.root}/" in said


def _is_alive(pid: int) -> bool:
    state = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    return bool(state) and state[0] not in {"Z", "X"}


def _pids() -> Iterator[int]:
    yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _descriptors(pid: int) -> Iterator[str]:
    try:
        for entry in (_PROC / str(pid) / "fd").iterdir():
            yield str(entry.readlink())
    except OSError:
        return


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
