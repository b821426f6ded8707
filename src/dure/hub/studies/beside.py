"""A study worker beside the server: started with it, started anew when it dies, ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dure.hub.studies import installed

AGAIN_S: Final = 10.0
"""Between two starts: one that dies at once does not keep the machine busy."""

GIVES_BACK_S: Final = 20.0
"""It ends its play within two graces of five seconds, and writes that it gave the study back."""


@contextmanager
def playing_studies() -> Iterator[None]:
    """A worker runs while this is open. Where the twin is not installed there is none."""
    if installed.missing():
        yield
        return
    beside = _Beside()
    watcher = threading.Thread(target=beside.keep, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        beside.end()
        watcher.join(GIVES_BACK_S)


class _Beside:
    """The worker's process, and whether it is still wanted."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def keep(self) -> None:
        while not self._over.is_set():
            with self._starting:
                if self._over.is_set():
                    return
                self._process = subprocess.Popen([*_worker()])  # noqa: S603  # our own program
            self._process.wait()
            self._over.wait(AGAIN_S)

    def end(self) -> None:
        self._over.set()
        with self._starting:
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()


def _worker() -> tuple[str, ...]:
    """It stops by itself should this process be killed."""
    parent = str(os.getpid())
    return (sys.executable, "-m", "dure", "hub", "study-worker", "--parent", parent)
