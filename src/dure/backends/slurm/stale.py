"""Where slurmctld obeys other limits than slurmdbd has: what is written so that it hears of them.

- A slurmctld that died within minutes of a change, and started again while slurmdbd was away, comes
  back with the limits it had saved before. With slurmdbd back it reads the new ones 15 s later, or
  never (4 of 5, 1 of 5 on 22.05: there `reconfigure` did not help, and of a value that stays the
  same slurmdbd does not tell it).
- So a value beside the right one is written first; then the right one is a change.
- Pure. A QOS or account that slurmctld does not know at all needs its restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, TypeVar

from dure.backends.slurm.objects import Account, Objects, Qos, combined
from dure.backends.slurm.reading import InForce

Limited = TypeVar("Limited", Qos, Account)

_LARGE: Final = 2**20
"""Beside "no limit": more than any cluster has."""


def aside(have: Objects, in_force: Mapping[str, InForce]) -> Objects:
    """`have` with every limit that slurmctld does not obey moved by one; itself where none is."""
    qos, accounts = _moved(have.qos, in_force), _moved(have.accounts, in_force)
    if not qos and not accounts:
        return have
    return replace(have, qos={**have.qos, **qos}, accounts={**have.accounts, **accounts})


def _moved(have: Mapping[str, Limited], in_force: Mapping[str, InForce]) -> dict[str, Limited]:
    return {
        name: replace(one, limits=combined(one.limits, in_force[name].limits, _aside))
        for name, one in have.items()
        if name in in_force and in_force[name].limits != one.limits
    }


def _aside(kept: int | None, obeyed: int | None) -> int | None:
    if kept == obeyed:
        return kept
    if kept is None:
        return _LARGE
    return kept - 1 if kept else 1
