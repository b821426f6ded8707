"""One engine for each state folder: the kernel's lock on a file in it, gone with its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class StateDirectoryInUse(RuntimeError):
    """Another engine runs on this state directory."""


def locked(path: Path) -> int:
    """The open lock file; closing it lets the next one in. Raises StateDirectoryInUse."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise StateDirectoryInUse(f"another engine runs on {path.parent}") from error
    return handle
