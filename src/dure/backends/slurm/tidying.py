"""What of ours may go from Slurm for good, and how. Pure.

- What was removed is quiet when no job of it waits, runs or is ending, and goes `QUIET_S` later.
- People leave their seats first, then the accounts go, then the QOS, then the account above all.
- Whose default account goes gets another of his; with the last seat sacctmgr deletes the user too.
  An administrator of Slurm is never deleted with a seat: his association goes with the account.
- Where slurmdbd serves other clusters, only this cluster's associations go with an account, and
  what those clusters may use too stays: the account's name and the QOS `lent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from dure.backends.slurm import names
from dure.backends.slurm.held import Held, Retired
from dure.backends.slurm.objects import Objects, Seat
from dure.backends.slurm.reading import Books
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.writing import Command, Wave, chunks, place, waves

QUIET_S: Final = 60
"""sacct is some seconds behind, and an agent reports every 30 s."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Where jobs wait, run or are ending."""

    qos: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    people: frozenset[tuple[str, str]] = frozenset()
    """(user, account)"""


class Person(NamedTuple):
    """A user of Slurm."""

    default_account: str
    administrator: bool


def retired(held: Held, busy: Busy, now: datetime, site: SlurmSite) -> Held:
    """What is retiring, looked at now: what has been quiet for long is forgotten."""
    kept: list[Retired] = []
    for one in held.retiring:
        if _is_busy(one, busy, site):
            kept.append(one.model_copy(update={"quiet_since": None}))
        elif one.quiet_since is None:
            kept.append(one.model_copy(update={"quiet_since": now}))
        elif now - one.quiet_since < timedelta(seconds=QUIET_S):
            kept.append(one)
    return held.model_copy(update={"retiring": tuple(kept)})


def _is_busy(one: Retired, busy: Busy, site: SlurmSite) -> bool:
    if one.binding is not None and (pool := site.pool(one.binding.pool)):
        return names.allocation_qos(one.binding.allocation, pool.suffix) in busy.qos
    if one.share is not None and (pool := site.pool(one.share.pool)):
        return names.lent_account(one.share.project, pool.suffix) in busy.accounts
    return False


def left_over(have: Objects, want: Objects) -> bool:
    """Whether anything of ours stands there that is not wanted."""
    return bool(
        have.qos.keys() - want.qos.keys()
        or have.accounts.keys() - want.accounts.keys()
        or have.associations.keys() - want.associations.keys()
    )


def removals(
    books: Books,
    want: Objects,
    busy: Busy,
    people: Mapping[str, Person],
    *,
    cluster: str,
    alone: bool,
) -> tuple[Wave, ...]:
    """What may go now of what is not wanted."""
    have = books.ours
    seats = [
        seat
        for seat in have.associations
        if seat not in want.associations and (seat.user, seat.account) not in busy.people
    ]
    leaving = [seat for seat in seats if not _keeps_record(seat, people, books)]
    staying = {seat.account for seat in have.associations.keys() - set(seats)}
    accounts = [
        name
        for name in sorted(have.accounts.keys() - want.accounts.keys() - {names.TOP})
        if name not in busy.accounts and name not in staying
    ]
    used = {q for s, one in have.associations.items() if s.account in staying for q in one.qos}
    qos = [
        name
        for name in sorted(have.qos.keys() - want.qos.keys())
        if name not in busy.qos | used and (alone or name != names.LENT)
    ]
    last = names.TOP in have.accounts.keys() - want.accounts.keys()
    top = [names.TOP] if last and set(accounts) == have.accounts.keys() - {names.TOP} else []
    where = () if alone else (f"cluster={cluster}",)
    return waves(
        list(_other_defaults(leaving, people, books, cluster)),
        list(_seats(leaving, cluster)),
        [_delete("account", chunk, where) for chunk in chunks(accounts)],
        [_delete("qos", chunk) for chunk in chunks(qos)],
        [_delete("account", chunk, where) for chunk in chunks(top)],
    )


def _keeps_record(seat: Seat, people: Mapping[str, Person], books: Books) -> bool:
    person = people.get(seat.user)
    only = books.accounts_of.get(seat.user, frozenset()) <= {seat.account}
    return only and person is not None and person.administrator


def _other_defaults(
    leaving: Iterable[Seat], people: Mapping[str, Person], books: Books, cluster: str
) -> Iterator[Command]:
    left: dict[str, set[str]] = {}
    for seat in leaving:
        left.setdefault(seat.user, set()).add(seat.account)
    others: dict[str, list[str]] = {}
    for user, accounts in sorted(left.items()):
        rest = sorted(books.accounts_of.get(user, frozenset()) - accounts, key=_owners_first)
        person = people.get(user)
        if rest and person is not None and person.default_account in accounts:
            others.setdefault(rest[0], []).append(user)
    for account, users in sorted(others.items()):
        for chunk in chunks(users):
            where = (f"name={chunk}", f"cluster={cluster}")
            settings = f"DefaultAccount={account}"
            yield Command(("-i", "modify", "user", "where", *where, "set", settings))


def _owners_first(account: str) -> tuple[bool, str]:
    return names.is_lent(account), account


def _seats(leaving: Iterable[Seat], cluster: str) -> Iterator[Command]:
    sitting: dict[tuple[str, str], list[str]] = {}
    for seat in leaving:
        sitting.setdefault((seat.account, seat.partition), []).append(seat.user)
    for (account, partition), users in sorted(sitting.items()):
        for chunk in chunks(sorted(users)):
            yield _delete("user", chunk, place(account, partition, cluster))


def _delete(kind: str, chunk: str, where: tuple[str, ...] = ()) -> Command:
    return Command(("-i", "delete", kind, "where", f"name={chunk}", *where))
