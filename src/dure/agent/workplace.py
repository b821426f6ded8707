"""Where a user's jobs run when their order names no folder, and whose the hub may order at all.

- A hub in the wrong hands must not become anybody here who could change more than a member's job:
  not root, not a system account, not Slurm's own user, nobody with a level in Slurm's accounting.
- A name is judged by the Unix user behind it, whatever other names that one has.
"""

from __future__ import annotations

import pwd
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from dure.agent.site import LocalConfig
from dure.backends.contract import JobRefused
from dure.backends.slurm import settings
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tools import Slurm


def of(
    site: LocalConfig | SlurmSite, *, state: Path, takes_orders: bool = True
) -> Callable[[str], str]:
    """The place of each user, at this site and with an agent's state folder.

    A place raises JobRefused for a user whose jobs the hub may not order here, and UnableToApplyNow
    where that cannot be said now.
    """
    if not takes_orders:
        return nowhere
    if isinstance(site, LocalConfig):
        return partial(own_folder, state / "work")
    return partial(home, Slurm.of(site), site.lowest_uid)


def nowhere(_username: str) -> str:
    """At a site whose provider takes no jobs from the hub: raises JobRefused."""
    raise JobRefused("this site takes no jobs from the portal; please use its login node")


def own_folder(root: Path, username: str) -> str:
    """Under the local engine: a folder for each user, made when it is first needed."""
    folder = root / f"user-{quote(username, safe='')}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return str(folder.resolve())


def home(slurm: Slurm, lowest_uid: int, username: str) -> str:
    """On a cluster: the home folder; the root folder for whom it does not know, and refuses.

    Raises JobRefused and UnableToApplyNow.
    """
    try:
        account = pwd.getpwnam(username)
        named = pwd.getpwuid(account.pw_uid).pw_name
    except KeyError:
        return "/"
    if account.pw_uid == 0:
        raise JobRefused(f"{username} is this machine's administrator; no job is run as that user")
    if account.pw_uid < lowest_uid:
        raise JobRefused(
            f"{username} is a system account (user {account.pw_uid}); jobs belong to people, whose "
            f"numbers begin at {lowest_uid} here (`lowest_uid` in site.yaml)"
        )
    if _commands_slurm(slurm, account.pw_uid, {username, named}):
        raise JobRefused(f"{username} administers Slurm here; the portal hands in no job as such")
    return account.pw_dir


def _commands_slurm(slurm: Slurm, uid: int, names: set[str]) -> bool:
    """Whether it is Slurm's own user (`slurm(64030)`), or an operator or administrator there."""
    run_as = settings.config(slurm.ask(*settings.CONFIG)).get("slurmuser", "")
    if run_as.endswith(f"({uid})") or run_as.partition("(")[0] in names:
        return True
    people = slurm.ask(*settings.ADMINS).lower()
    return any(settings.admin_level(people, one.lower()) not in {"", "none"} for one in names)
