"""What the site was last told, kept beside Slurm: what Slurm itself has no place for.

- Slurm holds numbers and names; generation, period, state, roles and grace stand here, and which
  id of the programme a name in Slurm is.
- What was removed stays as `retiring` until its jobs have ended and all of them are counted.
- Written before Slurm is: after a crash the difference is seen and made good.
- Lost, it is made anew from the hub's word; the objects in Slurm are found by their marks.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, Field

from dure.backends import durable
from dure.backends.slurm import names
from dure.backends.slurm.site import SlurmSite
from dure.protocol import Binding, LentShare
from dure.vocabulary.frozen import Frozen

FILE: Final = "slurm.json"


class Retired(Frozen):
    """A binding or share that was removed; `quiet_since` is when its last job was gone."""

    binding: Binding | None = None
    share: LentShare | None = None
    quiet_since: AwareDatetime | None = None


class Named(Frozen):
    """Which (project, allocation, pool) a QOS or account in Slurm is; kept after its end."""

    project: str
    pool: str | None = None
    allocation: str | None = None


class Held(Frozen):
    """The whole record."""

    bindings: tuple[Binding, ...] = ()
    lent: tuple[LentShare, ...] = ()
    grace_s: int = Field(default=30, ge=0)
    retiring: tuple[Retired, ...] = ()
    qos: dict[str, Named] = {}
    """By the name of a QOS of ours, present or past: its project, allocation and pool."""
    accounts: dict[str, Named] = {}
    """By the name of an account of ours, present or past: its project; of lent ones its pool."""

    def binding(self, allocation: str, pool: str) -> Binding | None:
        """The binding held for this allocation on this pool."""
        return next(
            (b for b in self.bindings if (b.allocation, b.pool) == (allocation, pool)), None
        )

    def share(self, project: str, pool: str) -> LentShare | None:
        """The lent share held for this project on this pool."""
        return next((s for s in self.lent if (s.project, s.pool) == (project, pool)), None)


def named(held: Held, site: SlurmSite) -> Held:
    """The record with the names in Slurm of all that it holds added to those it knows."""
    qos, accounts = dict(held.qos), dict(held.accounts)
    bindings = [*held.bindings, *(r.binding for r in held.retiring if r.binding)]
    shares = [*held.lent, *(r.share for r in held.retiring if r.share)]
    for binding in bindings:
        pool = site.pool(binding.pool)
        if pool is not None:
            qos[names.allocation_qos(binding.allocation, pool.suffix)] = Named(
                project=binding.project, pool=binding.pool, allocation=binding.allocation
            )
        accounts[names.project_account(binding.project)] = Named(project=binding.project)
    for share in shares:
        pool = site.pool(share.pool)
        if pool is not None:
            accounts[names.lent_account(share.project, pool.suffix)] = Named(
                project=share.project, pool=share.pool
            )
    return held.model_copy(update={"qos": qos, "accounts": accounts})


class Record:
    """The file. `current` is a value: who holds it is not disturbed by later writes."""

    def __init__(self, folder: Path) -> None:
        """Raises pydantic's ValidationError where the file is not what we wrote."""
        self._path = folder / FILE
        self.found = self._path.exists()
        """Whether there was a record when this one was opened."""
        self._lock = threading.Lock()
        self._current = read(folder)

    @property
    def current(self) -> Held:
        return self._current

    def keep(self, held: Held) -> None:
        """Durable on return."""
        with self._lock:
            durable.write(self._path, held.model_dump_json().encode(), mode=0o600)
            self._current = held


def read(folder: Path) -> Held:
    """What stands in the folder, also beside a running agent; nothing yet is an empty record."""
    try:
        return Held.model_validate_json((folder / FILE).read_bytes())
    except FileNotFoundError:
        return Held()
