"""What sacctmgr and scontrol print, as objects. Pure.

- Only what bears our mark becomes an object of ours; of the rest just the names are kept, so that
  no name of the site's is ever taken.
- Free text stands last in a row, so a `|` in it splits nothing.
- Only text is read: it is the same from 22.05 on, while the JSON changes with every release.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dure.backends.slurm import names
from dure.backends.slurm.objects import Account, Association, Limits, Objects, Qos, Seat

_LIMITS: Final = "GrpTRES,GrpTRESMins,GrpJobs,GrpSubmit"
QOS: Final = (
    *("sacctmgr", "-nP", "show", "qos"),
    f"format=Name,Priority,GraceTime,Preempt,PreemptMode,Flags,UsageFactor,{_LIMITS},Description",
)
ACCOUNTS: Final = ("sacctmgr", "-nP", "show", "account", "format=Account,Organization,Description")
_ASSOCIATION: Final = f"Account,User,Partition,ParentName,QOS,DefaultQOS,{_LIMITS},Priority"
IN_FORCE: Final = ("scontrol", "-o", "show", "assoc_mgr", "flags=qos")
ACCOUNTS_IN_FORCE: Final = ("scontrol", "-o", "show", "assoc_mgr", "flags=assoc")

_LIMIT: Final = re.compile(r"(?P<what>[^=,]+)=(?P<limit>N|\d+)\((?P<used>[\d.]+)\)")
_PAIR: Final = re.compile(r"(\S+?)=(\S*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What slurmdbd has: ours, and the names that others have."""

    ours: Objects
    others_qos: frozenset[str] = frozenset()
    others_accounts: frozenset[str] = frozenset()
    above_others: frozenset[str] = frozenset()
    """Accounts of ours under which the site has put accounts of its own."""
    accounts_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Whoever has an association on this cluster, and in which accounts, ours and others."""


class InForce(NamedTuple):
    """What slurmctld obeys of a QOS or an account, by its name: their prefixes keep them apart."""

    limits: Limits
    priority: int


def associations_of(cluster: str) -> tuple[str, ...]:
    """How all associations of a cluster are asked for, each with what is set on it alone."""
    where = (f"cluster={cluster}", f"format={_ASSOCIATION}")
    return ("sacctmgr", "-nP", "show", "assoc", "wopl", *where)


def books(qos: str, accounts: str, associations: str) -> Books:
    """From the three listings."""
    all_qos = list(_qos(qos))
    ours = {one.name: one for one in all_qos if _is_our_qos(one)}
    marked = dict(_marked(accounts))
    everybody = {row[0] for row in rows(accounts, 3)}
    kept: dict[str, Account] = {}
    seats: dict[Seat, Association] = {}
    people: dict[str, set[str]] = {}
    above: set[str] = set()
    for row in rows(associations, 11):
        account, user, partition, parent, granted, default, *limits, priority = row
        if user:
            people.setdefault(user, set()).add(account)
        if account not in marked:
            above.add(parent)
            continue
        limit = _limits(*limits)
        if user:
            seat = Seat(user, account, partition)
            is_open = limit.jobs is None and limit.submitted is None
            seats[seat] = Association(seat, tuple(sorted(_list(granted))), default, is_open)
        else:
            kept[account] = Account(
                name=account,
                description=marked[account],
                organization=names.TOP,
                parent=parent,
                limits=limit,
                priority=_number(priority),
            )
    return Books(
        ours=Objects(qos=ours, accounts=kept, associations=seats),
        others_qos=frozenset(one.name for one in all_qos) - ours.keys(),
        others_accounts=frozenset(everybody - marked.keys()),
        above_others=frozenset(above & marked.keys()),
        accounts_of={user: frozenset(accounts) for user, accounts in people.items()},
    )


def qos_in_force(said: str) -> dict[str, InForce]:
    """From slurmctld's own memory, by the name of the QOS, where it may be ours."""
    found: dict[str, InForce] = {}
    for line in said.splitlines():
        if line.startswith("QOS="):
            words = dict(_PAIR.findall(line))
            name = words["QOS"].rpartition("(")[0]
            if name == names.LENT or names.is_allocation(name):
                found[name] = _in_force(words)
    return found


def spent(said: str) -> frozenset[str]:
    """From the same: the QOS whose minutes are used up."""
    rows_of_qos = (dict(_PAIR.findall(line)) for line in said.splitlines())
    return frozenset(
        words["QOS"].rpartition("(")[0]
        for words in rows_of_qos
        if "QOS" in words and _is_used_up(words.get("GrpTRESMins", ""))
    )


def _is_used_up(said: str) -> bool:
    counted = ((m["limit"], m["used"]) for m in _LIMIT.finditer(said))
    return any(limit != "N" and float(used) >= int(limit) for limit, used in counted)


def accounts_in_force(said: str) -> dict[str, InForce]:
    """The same of accounts, each by itself without those who sit in it."""
    found: dict[str, InForce] = {}
    for line in said.splitlines():
        if line.startswith("ClusterName="):
            words = dict(_PAIR.findall(line))
            if not words["UserName"]:
                found[words["Account"]] = _in_force(words)
    return found


def _in_force(words: dict[str, str]) -> InForce:
    limits = Limits(
        tres=_counted(words.get("GrpTRES", "")),
        tres_minutes=_counted(words.get("GrpTRESMins", "")),
        jobs=_before(words.get("GrpJobs", "")),
        submitted=_before(words.get("GrpSubmitJobs", "")),
    )
    return InForce(limits, int(words.get("Priority") or 0))


def _counted(said: str) -> tuple[tuple[str, int], ...]:
    """`cpu=N(0),gres/gpu=16(8)`: only what is limited."""
    found = ((m["what"], m["limit"]) for m in _LIMIT.finditer(said))
    return tuple(sorted((what, int(limit)) for what, limit in found if limit != "N"))


def _before(said: str) -> int | None:
    """`0(3)` is a limit of 0, `N(3)` is none."""
    limit = said.partition("(")[0]
    return int(limit) if limit.isdigit() else None


def _qos(said: str) -> Iterator[Qos]:
    for row in rows(said, 12):
        name, priority, grace, preempt, mode, flags, factor, *limits, description = row
        yield Qos(
            name=name,
            description=description,
            priority=_number(priority) or 0,
            preempt=tuple(sorted(_list(preempt))),
            preempt_mode=mode.lower(),
            grace_s=_seconds(grace),
            flags=tuple(sorted(_list(flags))),
            usage_factor=float(factor or 1),
            limits=_limits(*limits),
        )


def _is_our_qos(qos: Qos) -> bool:
    named = qos.name == names.LENT or names.is_allocation(qos.name)
    return named and qos.description == names.MARK


def _marked(said: str) -> Iterator[tuple[str, str]]:
    """The accounts of ours and what they are described as."""
    for account, organization, description in rows(said, 3):
        if names.is_account(account) and organization == names.TOP:
            yield account, description


def _limits(tres: str, minutes: str, jobs: str, submitted: str) -> Limits:
    return Limits(
        tres=_amounts(tres),
        tres_minutes=_amounts(minutes),
        jobs=_number(jobs),
        submitted=_number(submitted),
    )


def _amounts(said: str) -> tuple[tuple[str, int], ...]:
    """`gres/gpu=16,gres/gpu:h100=8`."""
    pairs = (one.rpartition("=") for one in _list(said))
    return tuple(sorted((what, int(number)) for what, _, number in pairs if number.isdigit()))


def _number(said: str) -> int | None:
    return int(said) if said.isdigit() else None


def _seconds(said: str) -> int:
    """`00:00:30`, with days before it where there are any."""
    days, _, clock = said.rpartition("-")
    parts = [int(part) for part in clock.split(":") if part.isdigit()]
    total = 0
    for part in parts:
        total = total * 60 + part
    return total + 86_400 * int(days or 0)


def _list(said: str) -> list[str]:
    return [one for one in said.split(",") if one]


def rows(said: str, columns: int) -> Iterator[list[str]]:
    """Rows of so many columns; the last one takes what is left.

    Half of a row is no row: free text of the site's may hold a line's end.
    """
    for line in said.splitlines():
        row = line.split("|", columns - 1)
        if len(row) == columns:
            yield row
