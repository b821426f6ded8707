"""The database of a lab: its files, and how its server is started.

- Making the files takes longer than copying them. The first lab on a machine keeps an empty set
  in the user's cache folder, under the server's version; every lab begins with a copy.
- A lab is thrown away: nothing waits for a disk; what is committed outlives the daemon.
- It is reached by its socket alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from dure.cli.slurm_lab import packages
from dure.cli.slurm_lab.shape import Folder

_LOG_FILE: Final = "--innodb-log-file-size=32M"
"""Files are made with the size that the server is started with: else it makes the log anew."""

_SETTINGS: Final = (
    "--skip-networking",
    "--skip-name-resolve",
    "--innodb-buffer-pool-size=64M",
    _LOG_FILE,
    "--innodb-lock-wait-timeout=900",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--sync-binlog=0",
    "--aria-pagecache-buffer-size=8M",
    "--key-buffer-size=1M",
    "--performance-schema=off",
    "--max-connections=64",
)


class UnableToMakeFiles(RuntimeError):
    """The database's own installer does not do it; the message is its word."""


def make_files(folder: Folder, *, user: str) -> None:
    """An empty database in the lab's folder, where there is none. Raises UnableToMakeFiles."""
    data = folder.root / "db"
    if (data / "mysql").is_dir():
        return
    kept = _cache() / _key(user)
    try:
        if not kept.is_dir():
            _keep(kept, user=user)
    except OSError:  # a user without a home, or a full one: slower, not impossible
        _install(data, user=user)
    else:
        shutil.copytree(kept, data, dirs_exist_ok=True)


def server(folder: Folder, *, user: str) -> list[str]:
    """The command that serves it."""
    return [
        str(packages.program("mariadbd")),
        "--no-defaults",
        f"--user={user}",
        f"--datadir={folder.root / 'db'}",
        f"--socket={folder.database_socket}",
        f"--pid-file={folder.pid_file('mariadbd')}",
        f"--log-error={folder.log('mariadbd')}",
        *_SETTINGS,
    ]


def asking(folder: Folder, statement: str) -> list[str]:
    """The command that carries one statement out."""
    return [
        str(packages.program("mariadb")), "--no-defaults", "-u", "root",
        "-S", str(folder.database_socket), "-e", statement,
    ]  # fmt: skip


def opened_to_slurm(cluster: str) -> str:
    """The statement after which slurmdbd may work."""
    return (
        "create user if not exists slurm@localhost identified by 'slurm';"
        f" grant all on slurm_acct_{cluster}.* to slurm@localhost"
    )


def _cache() -> Path:
    """Where this user's programs keep what can be made anew."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dure" / "slurm-lab"


def _key(user: str) -> str:
    said = subprocess.run(  # noqa: S603  # a program of the system's packages
        [packages.program("mariadbd"), "--no-defaults", "--version"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return hashlib.sha256(f"{said}{user}{_LOG_FILE}".encode()).hexdigest()[:16]


def _keep(kept: Path, *, user: str) -> None:
    """Makes the files beside their place and moves them there: two first labs do not meet."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        made = Path(folder) / "db"
        made.mkdir()
        _install(made, user=user)
        try:
            made.rename(kept)
        except OSError:
            if not kept.is_dir():
                raise


def _install(data: Path, *, user: str) -> None:
    done = subprocess.run(  # noqa: S603  # a program of the system's packages
        [
            packages.program("mariadb-install-db"), "--no-defaults", f"--user={user}",
            f"--datadir={data}", "--auth-root-authentication-method=normal",
            "--skip-test-db", "--skip-name-resolve", _LOG_FILE,
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise UnableToMakeFiles(f"mariadb-install-db: {(done.stderr or done.stdout).strip()}")
