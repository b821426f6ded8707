"""Writing a file so that it is there, whole, or not at all, whatever stops the machine.

- Written beside its place, flushed to the disk, renamed into place, the folder flushed.
- The mode is set when the file is made, so a secret is never readable for an instant.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

UNFINISHED: Final = ".unfinished"


def write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """`path` holds `content` and survives a power cut once this returns."""
    beside = path.with_name(path.name + UNFINISHED)
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Makes the folder's own entries (new names, renames) survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
