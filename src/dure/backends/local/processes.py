"""Starting, finding again and signalling the processes of an attempt.

- Only the gang process (see `gang`) is ever signalled, through a descriptor of that very process
  whose start time and boot were compared first: a reused pid is a different process.
- The ranks are signalled by their gang process. Only where that one was killed are they ended
  from here, each after the same comparison.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dure.backends.contract import JobRequest

_GANG = Path(__file__).with_name("gang.py")
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
"""All that a job sees of the engine's environment: what programs need, no secret."""


@dataclass(frozen=True, slots=True)
class Gang:
    """A live gang process. `handle` is its pidfd: readable once it has ended."""

    pid: int
    handle: int

    def tell(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            signal.pidfd_send_signal(self.handle, number)

    def has_ended(self) -> bool:
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(0))

    def release(self) -> None:
        """Let go of a process that runs on."""
        os.close(self.handle)

    def ended(self) -> None:
        """Let go of a process that has ended."""
        os.close(self.handle)
        with contextlib.suppress(ChildProcessError):  # it was another engine's child
            os.waitpid(self.pid, 0)


@dataclass(frozen=True, slots=True)
class Exit:
    """How an attempt ended, as its gang process wrote it."""

    code: int
    ended: float
    signalled: bool


def spawn(directory: Path, ranks: list[dict[str, Any]]) -> Gang:
    """Start the gang process of an attempt; it claims the attempt before it starts its ranks."""
    (directory / "ranks").write_text(json.dumps(ranks))
    log = os.fspath(directory / "gang.log")
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", os.fspath(_GANG), os.fspath(directory)],
        _inherited(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[signal.SIGTERM, signal.SIGUSR1],  # kept until it listens
    )
    return Gang(pid, os.pidfd_open(pid))


def ranks(
    request: JobRequest, *, job: str, attempt: int, slots: tuple[int, ...], checkpoint: Path
) -> list[dict[str, Any]]:
    """One process per accelerator, with all that it needs to find the others."""
    port = _free_port()
    common = {
        **_inherited(),
        **request.environment,
        "DURE_WORLD_SIZE": str(len(slots)),
        "DURE_MASTER_PORT": str(port),
        "DURE_JOB": job,
        "DURE_ATTEMPT": str(attempt),
        "DURE_CHECKPOINT_DIR": os.fspath(checkpoint),
    }
    return [
        {
            "command": list(request.command),
            "directory": request.working_directory,
            "environment": {**common, "DURE_RANK": str(rank), "DURE_ACCELERATORS": str(slot)},
        }
        for rank, slot in enumerate(slots)
    ]


def adopt(directory: Path) -> Gang | Literal["void", "gone"]:
    """Find an attempt again after the engine's restart.

    `void`: it never started and, from this call on, never will. `gone`: its process has ended.
    """
    if _claim_for_nobody(directory):
        return "void"
    claim = json.loads((directory / "claim").read_text())
    if claim.get("boot") != _boot():
        return "gone"
    return _verified(claim["pid"], claim["start"]) or "gone"


def claimed(directory: Path) -> bool:
    return (directory / "claim").exists()


def exit_of(directory: Path) -> Exit | None:
    """What the gang process wrote at its end; None if it was killed before it could."""
    try:
        written = json.loads((directory / "exit").read_text())
    except FileNotFoundError:
        return None
    return Exit(int(written["code"]), written["ended"], written["signalled"])


def end_orphans(directory: Path) -> None:
    """Kill the ranks of a gang process that was itself killed."""
    try:
        claim = json.loads((directory / "claim").read_text())
        group = json.loads((directory / "group").read_text())
    except FileNotFoundError:
        return
    if claim.get("boot") != _boot():
        return
    for pid, start in zip(group["pids"], group["starts"], strict=True):
        rank = _verified(pid, start)
        if rank is not None:
            rank.tell(signal.SIGKILL)
            os.close(rank.handle)


def _verified(pid: int, start: int) -> Gang | None:
    """The process of that number if it is the one that started then."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if _start_time(pid) == start:
        return Gang(pid, handle)
    os.close(handle)
    return None


def _start_time(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat, in ticks of 10 ms since boot.

    With the pid it names a process: pids do not come round within a tick (32,768 forks at least).
    """
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _claim_for_nobody(directory: Path) -> bool:
    """Make the claim so that no gang process can; False where one already has."""
    directory.mkdir(parents=True, exist_ok=True)
    mine = directory / "claim.void"
    mine.write_text(json.dumps({"pid": 0, "start": 0, "boot": ""}))
    try:
        os.link(mine, directory / "claim")
    except FileExistsError:
        return False
    finally:
        mine.unlink()
    return True


def _inherited() -> Mapping[str, str]:
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def _free_port() -> int:
    """A loopback port nobody listens on now; rank 0 takes it milliseconds later."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
