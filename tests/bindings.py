"""Bindings and lent shares for tests: what a test does not speak of is the same everywhere.

- A binding is in force: active, begun a day before `now` and with a day to go, its first
  generation, one server of the pool "pool".
- Each names its fields to say them otherwise; nobody has a seat but the members that are named.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from dure.protocol import Binding, LentShare, MemberAccess


def binding(allocation: str, accelerators: int, *, now: datetime, **said: object) -> Binding:
    """An allocation's right of so many accelerators, of the project "of" it."""
    usual = {
        "project": f"of {allocation}",
        "pool": "pool",
        "servers": 1,
        "starts": now - timedelta(days=1),
        "ends": now + timedelta(days=1),
        "generation": 1,
    }
    given = {"allocation": allocation, "accelerators": accelerators}
    return Binding.model_validate(usual | given | said)


def share(project: str, most: int, **said: object) -> LentShare:
    """A project's right to borrow so many accelerators, the first in its pool."""
    usual = {"pool": "pool", "order": 0}
    return LentShare.model_validate(usual | {"project": project, "max_accelerators": most} | said)


def members(*usernames: str) -> tuple[MemberAccess, ...]:
    """People who may hand in."""
    return tuple(MemberAccess(username=username) for username in usernames)
