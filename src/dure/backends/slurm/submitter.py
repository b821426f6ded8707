"""Whose job it is: the Unix user that a job belongs to, and the folder of its files.

- An agent that runs as root hands a job in as its member: it is that user's in every respect. One
  that runs as somebody else hands in jobs of that user alone.
- A job's folder belongs to its user and nobody else may enter it; the two above belong to us. We
  walk there by what is opened, never through a link: users write nearby, and we may be root.
- A user whose number is below the site's `lowest_uid` is no person, and nothing runs as that user.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dure.backends.contract import JobRefused
from dure.backends.slurm.tools import Person

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
"""What a job finds by name that sets nothing itself; a login shell's profile is not read."""

_PROVIDER: Final = (
    "the site's provider names a folder of root's that users may enter and all nodes see, "
    "as `jobs_folder` in site.yaml"
)

READ_S: Final = 2.0
"""A file system that hangs costs the log, not the agent."""

_TAIL: Final = """\
most="$1"; shift
for file; do [ -f "$file" ] && [ -s "$file" ] && exec tail --bytes="$most" -- "$file"; done
"""
"""Regular files only: opening a pipe waits for who writes into it."""

_left: Final[list[subprocess.Popen[bytes]]] = []
"""Readers that were killed and had not ended yet."""


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


def submitter(username: str, *, lowest_uid: int) -> Submitter:
    """The user of that name: the agent's own, or one from `lowest_uid` on. Raises JobRefused."""
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
    if found.pw_uid < lowest_uid and found.pw_uid != us:
        raise JobRefused(
            f"{username} is a system account (user {found.pw_uid}); jobs belong to people, whose "
            f"numbers begin at {lowest_uid} here (`lowest_uid` in site.yaml)"
        )
    if username in {".", ".."} or "/" in username:
        raise JobRefused(f"{username} cannot be the name of a folder")
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


def make_folder(script: Path, text: str, whose: Submitter) -> None:
    """A folder that is this user's alone, with this script in it: `ours/user/folder/script`.

    What holds `ours` is the provider's, stands already and stays as it is. Raises JobRefused.
    """
    folder = script.parent
    ours = folder.parent.parent
    _check(ours.parent, whose)
    try:
        with ExitStack() as opened:
            at = _opened(opened, ours.parent.resolve())
            for name in (ours.name, folder.parent.name):
                at = _part_of_ours(opened, at, name, whose)
            os.mkdir(folder.name, 0o700, dir_fd=at)
            at = _opened(opened, folder.name, inside=at)
            _write(script.name, text, inside=at, whose=whose)
            if not whose.is_us:  # last: until then nobody but us can change anything in it
                os.fchown(at, whose.person.uid, whose.person.gid)
    except PermissionError as error:  # such as root's on a file server that makes it nobody
        raise JobRefused(f"the agent may not write into {ours.parent}; {_PROVIDER}") from error


def _check(site_folder: Path, whose: Submitter) -> None:
    """Nobody but root and us may put something else in the place of a folder on the way there."""
    try:
        there = site_folder.resolve(strict=True)
    except OSError as error:
        raise JobRefused(f"{site_folder} is not there ({error.strerror}); {_PROVIDER}") from None
    for one in (there, *there.parents):
        found = one.stat()
        others = 0o002 if found.st_gid == os.getegid() else 0o022  # many have a group of their own
        shared = found.st_mode & others and not found.st_mode & stat.S_ISVTX
        if shared or found.st_uid not in {0, os.geteuid()}:
            raise JobRefused(f"users of this machine can replace what is in {one}; {_PROVIDER}")
        if not _may_pass(found, whose):
            raise JobRefused(f"{whose.name} may not enter {one}; {_PROVIDER}")


def _may_pass(found: os.stat_result, whose: Submitter) -> bool:
    if whose.person.uid in {0, found.st_uid}:
        return True
    group = found.st_gid == whose.person.gid or found.st_gid in whose.person.groups
    return bool(found.st_mode & (0o010 if group else 0o001))


def _part_of_ours(opened: ExitStack, inside: int, name: str, whose: Submitter) -> int:
    """A folder that we made and own; users may pass, if they know the name, and not look around."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o711, dir_fd=inside)
        os.chmod(name, 0o711, dir_fd=inside)  # noqa: S103  # to pass only, whatever our umask is
    try:
        at = _opened(opened, name, inside=inside)
    except OSError as error:
        raise JobRefused(f"{name} is no folder of Dure's ({error.strerror}); {_PROVIDER}") from None
    found = os.fstat(at)
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise JobRefused(f"{name} is not a folder that Dure made; {_PROVIDER}")
    if not _may_pass(found, whose):
        raise JobRefused(f"{whose.name} may not enter {name}; {_PROVIDER}")
    return at


def _opened(opened: ExitStack, path: str | Path, *, inside: int | None = None) -> int:
    """The folder itself; a link in its place is refused."""
    at = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=inside)
    opened.callback(os.close, at)
    return at


def _write(name: str, text: str, *, inside: int, whose: Submitter) -> None:
    """A file of this user's, made anew."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(name, flags, 0o600, dir_fd=inside)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        if not whose.is_us:
            os.fchown(descriptor, whose.person.uid, whose.person.gid)


def tail(paths: Iterable[Path], most: int, whose: Submitter) -> bytes:
    """The last bytes of the first file with something in it, read with its user's rights: the
    paths are in that user's hands. Nothing where that takes too long."""
    become = whose.to_become
    child = subprocess.Popen(  # noqa: S603  # a list; the shell's text is ours
        ["/bin/sh", "-c", _TAIL, "tail", str(most), *map(str, paths)],
        user=None if become is None else become.uid,
        group=None if become is None else become.gid,
        extra_groups=None if become is None else become.groups,
        env=whose.environment,  # its user can read it in /proc
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    _left[:] = [one for one in _left if one.poll() is None]
    try:
        return child.communicate(timeout=READ_S)[0]
    except subprocess.TimeoutExpired:
        child.kill()
        _left.append(child)  # not waited for: a file system that hangs holds it even so
        if child.stdout is not None:
            child.stdout.close()
        return b""


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
