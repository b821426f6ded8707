"""Whose job it is: the Unix user that a job belongs to, and the folder of its files.

- An agent that runs as root hands a job in as its member: it is that user's in every respect. One
  that runs as somebody else hands in jobs of that user alone.
- A job's folder belongs to its user and nobody else may enter it; the folder above belongs to us.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dure.backends.contract import JobRefused
from dure.backends.slurm.tools import Person

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
"""What a job finds by name that sets nothing itself; a login shell's profile is not read."""


_READ_S: Final = 10.0
"""A file system that hangs costs the log, not the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitter:
    """A Unix user of this machine. `is_us`: no other user has to be become."""

    name: str
    person: Person
    home: str
    shell: str
    is_us: bool

    @property
    def to_become(self) -> Person | None:
        """As whom a child process has to run; None: as it does anyway."""
        return None if self.is_us else self.person

    @property
    def environment(self) -> dict[str, str]:
        """What a login begins with."""
        return {
            "HOME": self.home,
            "USER": self.name,
            "LOGNAME": self.name,
            "SHELL": self.shell,
            "PATH": _PATH,
        }


def submitter(username: str) -> Submitter:
    """The user of that name. Raises JobRefused."""
    try:
        found = pwd.getpwnam(username)
    except KeyError:
        raise JobRefused(
            f"{username} has no Unix account on this machine; Slurm jobs belong to Unix accounts"
        ) from None
    us = os.geteuid()
    if us not in {0, found.pw_uid}:
        raise JobRefused(
            f"this agent runs as {_name(us)} and can hand in jobs of that user only; "
            f"{username} can use sbatch on the login node, or the agent runs as root"
        )
    return Submitter(
        name=username,
        person=Person(
            uid=found.pw_uid,
            gid=found.pw_gid,
            groups=tuple(os.getgrouplist(username, found.pw_gid)),
        ),
        home=found.pw_dir,
        shell=found.pw_shell or "/bin/sh",
        is_us=us == found.pw_uid,
    )


def make_folder(folder: Path, whose: Submitter) -> None:
    """A folder that is this user's alone, under ours. Raises JobRefused."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for above in (folder.parent, folder.parent.parent):
        if above.stat().st_uid == os.geteuid():
            above.chmod(0o711)  # who knows the name may pass, nobody may look around
    closed = next((one for one in folder.parents if not _may_pass(one, whose)), None)
    if closed is not None:
        raise JobRefused(
            f"{whose.name} may not enter {closed}; the site's provider names a folder that users "
            "may enter and all nodes see, as `jobs_folder` in site.yaml"
        )
    folder.mkdir(mode=0o700)
    if not whose.is_us:
        os.chown(folder, whose.person.uid, whose.person.gid)


def _may_pass(folder: Path, whose: Submitter) -> bool:
    found = folder.stat()
    if whose.person.uid in {0, found.st_uid}:
        return True
    group = found.st_gid == whose.person.gid or found.st_gid in whose.person.groups
    return bool(found.st_mode & (0o010 if group else 0o001))


def write_script(path: Path, text: str, whose: Submitter) -> None:
    """A file of this user's, made anew."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        if not whose.is_us:
            os.fchown(descriptor, whose.person.uid, whose.person.gid)


def tail(path: Path, most: int, whose: Submitter) -> bytes:
    """The last bytes of a file, read with its user's rights: the path is in that user's hands."""
    become = whose.to_become
    return subprocess.run(  # noqa: S603  # a list, no shell
        ["/usr/bin/tail", f"--bytes={most}", "--", str(path)],
        user=None if become is None else become.uid,
        group=None if become is None else become.gid,
        extra_groups=None if become is None else become.groups,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_READ_S,
        check=False,
    ).stdout


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
