"""Where a user's jobs run when their order names no folder, and whose the hub may order at all."""

from __future__ import annotations

import pwd
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from dure.backends.contract import JobRefused


def of(engine: str, *, state: Path, takes_orders: bool = True) -> Callable[[str], str]:
    """The place of each user, for an engine of this kind and an agent's state folder.

    A place raises JobRefused for a user whose jobs the hub may not order here.
    """
    if not takes_orders:
        return nowhere
    return partial(own_folder, state / "work") if engine == "local" else home


def nowhere(_username: str) -> str:
    """At a site whose provider takes no jobs from the hub: raises JobRefused."""
    raise JobRefused("this site takes no jobs from the portal; please use its login node")


def own_folder(root: Path, username: str) -> str:
    """Under the local engine: a folder for each user, made when it is first needed."""
    folder = root / f"user-{quote(username, safe='')}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return str(folder.resolve())


def home(username: str) -> str:
    """On a cluster: the home folder; the root folder for whom it does not know, and refuses.

    A hub in the wrong hands must not become root here: raises JobRefused.
    """
    try:
        account = pwd.getpwnam(username)
    except KeyError:
        return "/"
    if account.pw_uid == 0:
        raise JobRefused(f"{username} is this machine's administrator; no job is run as that user")
    return account.pw_dir
