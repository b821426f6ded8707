"""The programs a lab is made of, and the Debian packages that bring them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

BROUGHT_BY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "munged": "munge",
        "mariadbd": "mariadb-server-core",
        "mariadb-install-db": "mariadb-server-core",
        "mariadb": "mariadb-client-core",
        "slurmdbd": "slurmdbd",
        "slurmctld": "slurmctld",
        "slurmd": "slurmd",
        "scontrol": "slurm-client",
    }
)

_WHERE: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"


class PackagesMissing(Exception):
    """`packages` are not installed; the message is the command that installs them."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self.packages = packages
        super().__init__(f"apt-get install --yes --no-install-recommends {' '.join(packages)}")


def missing() -> tuple[str, ...]:
    """The packages whose programs this machine lacks."""
    found = {package for name, package in BROUGHT_BY.items() if not _found(name)}
    return tuple(sorted(found))


def require() -> None:
    """Raises PackagesMissing."""
    if lacking := missing():
        raise PackagesMissing(lacking)


def install() -> None:
    """Installs what is missing where this runs as root. Raises PackagesMissing where it cannot."""
    lacking = missing()
    if lacking and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *lacking]):
            subprocess.run(  # noqa: S603  # Debian's own installer
                ["apt-get", *command],  # noqa: S607  # wherever Debian has it
                env=quiet,
                stdout=subprocess.DEVNULL,
                check=False,
            )
    require()


def program(name: str) -> Path:
    """The program itself. Slurm's are not taken by the link that its emulator takes over."""
    plain = _found(f"{name}-wlm") or _found(name)
    if plain is None:
        raise PackagesMissing((BROUGHT_BY.get(name, name),))
    return Path(plain)


def has_lua() -> bool:
    """Whether slurmctld can ask a Lua script about each job that is submitted."""
    return any(Path("/usr/lib").glob("*/slurm-wlm/job_submit_lua.so"))


def slurm_version(slurmctld: Path) -> tuple[int, int]:
    """Of this controller: (22, 5) for 22.05.8."""
    said = subprocess.run(  # noqa: S603  # a program of the system's packages
        [slurmctld, "-V"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    assert found is not None, said  # noqa: S101  # every version prints two numbers
    return int(found[1]), int(found[2])


def _found(name: str) -> str | None:
    return shutil.which(name, path=_WHERE)
