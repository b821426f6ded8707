"""Ids of the programme as names in Slurm.

- Slurm lower-cases names, splits them at commas and spaces and cuts long ones in its tables: an id
  that is not already a plain short lower-case word becomes a readable part of it and a hash of it.
- `g-` allocations (QOS), `p-` projects and `l-` their lent work (accounts). One QOS, `lent`, is of
  all lent work, one account, `dure`, above all of ours.
- The way back is not here: it is what `held` remembers and what descriptions say.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

TOP: Final = "dure"
"""The account above ours, and the organization of all of them."""

LENT: Final = "lent"
"""The QOS of all lent work."""

MARK: Final = "made by dure"
"""The description of every QOS of ours: one text for all, so that many are made by one command."""

_PLAIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,40}")
_USERNAME: Final = re.compile(r"[a-z0-9_][a-z0-9_.@+$-]{0,99}")
_HASH: Final = 10
"""Hexadecimal digits: 5,000 ids of one slug meet with a chance of 1 in 88,000."""
_READABLE: Final = 28


def allocation_qos(allocation: str, suffix: str = "") -> str:
    """The QOS that is the allocation."""
    return _with("g-", allocation, suffix)


def project_account(project: str) -> str:
    """The account of the project's guaranteed work."""
    return _with("p-", project, "")


def lent_account(project: str, suffix: str = "") -> str:
    """The account of the project's lent work."""
    return _with("l-", project, suffix)


def username(said: str) -> str | None:
    """How Slurm knows a person; None for what nobody can be called on a Unix machine."""
    name = said.lower()
    return name if _USERNAME.fullmatch(name) else None


def is_allocation(qos: str) -> bool:
    """Whether a QOS bears the prefix of ours (its description must say so too)."""
    return qos.startswith("g-")


def is_account(account: str) -> bool:
    """Whether an account bears a prefix of ours (its organization must say so too)."""
    return account == TOP or account.startswith(("p-", "l-"))


def is_lent(account: str) -> bool:
    """Whether an account of ours is of lent work."""
    return account.startswith("l-")


def plain(identifier: str) -> str:
    """The id itself where Slurm keeps it as it is; else a readable part and a hash."""
    if _PLAIN.fullmatch(identifier):
        return identifier
    digest = hashlib.sha256(identifier.encode()).hexdigest()[:_HASH]
    readable = re.sub(r"[^a-z0-9]+", "-", identifier.lower()).strip("-")[:_READABLE].strip("-")
    return f"{readable}-{digest}" if readable else digest


def _with(prefix: str, identifier: str, suffix: str) -> str:
    return f"{prefix}{plain(identifier)}" + (f"@{suffix}" if suffix else "")
