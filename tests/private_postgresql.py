"""A PostgreSQL server of our own for one test run: in a folder, on a free loopback port.

- Started from the installed binaries and stopped by its process id; a server that runs on this
  machine already is neither used nor touched.
- PostgreSQL refuses to run as root: then it runs as the user `postgres` of its package.
- Nothing survives the run, so nothing waits for the disk.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypedDict

STARTS_WITHIN_S: Final = 30
STOPS_WITHIN_S: Final = 20
CONNECTIONS: Final = 100
OWNER: Final = "postgres"


class ServerFailed(Exception):
    """The server did not start; the message ends with what it said."""


class _As(TypedDict, total=False):
    user: str
    group: str
    extra_groups: list[str]


def binaries() -> Path | None:
    """The folder of the newest installed server's programs, or None."""
    found = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda p: int(p.parent.name), default=None)


def _as() -> _As:
    if os.geteuid() != 0:
        return {}
    return {"user": OWNER, "group": OWNER, "extra_groups": []}


@contextmanager
def serving(programs: Path) -> Iterator[str]:
    """The server's URL while it runs. Raises ServerFailed."""
    with tempfile.TemporaryDirectory(prefix="dure-postgresql-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            import pwd  # noqa: PLC0415  # only where there are other users to be

            owner = pwd.getpwnam(OWNER)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        _initialise(programs, folder)
        port = _free_port()
        server = _start(programs, folder, port)
        try:
            _await(server, port, folder / "log")
            yield f"postgresql://dure@127.0.0.1:{port}/postgres"
        finally:
            _stop(server)


def _initialise(programs: Path, folder: Path) -> None:
    initdb = [
        str(programs / "initdb"),
        f"--pgdata={folder / 'data'}",
        "--username=dure",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]
    done = subprocess.run(initdb, capture_output=True, text=True, check=False, cwd=folder, **_as())
    if done.returncode:
        raise ServerFailed(f"initdb: {done.stderr.strip()}")


def _start(programs: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "max_connections": CONNECTIONS,
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    command = [str(programs / "postgres"), "-D", str(folder / "data")]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **_as())


def _await(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while not _ready(port, log):
        if server.poll() is not None or time.monotonic() > until:
            raise ServerFailed(f"it did not start: {log.read_text()[-500:].strip()}")
        time.sleep(0.05)


def _ready(port: int, log: Path) -> bool:
    if b"database system is ready" not in log.read_bytes():
        return False
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGINT)  # "fast": open sessions are ended, data is written
        try:
            server.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
