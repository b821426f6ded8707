"""What of ours may go from Slurm for good, and how. Pure.

- What was removed is quiet when no job of it waits, runs or is ending, and goes `QUIET_S` later.
- People who sit nowhere else go first, then single seats, then whole accounts, then the QOS.
- Whose default account goes gets another of his before: sacctmgr refuses otherwise. With the last
  seat it deletes the user; seats of Slurm's administrators go with the account, which does not.
- An account of ours under which the site has put one of its own stays: both would go.
- Where slurmdbd serves other clusters too, only this cluster's associations go: the names of
  accounts and people and the QOS `lent` may be in use there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from dure.backends.slurm import names
from dure.backends.slurm.held import Held, Retired
from dure.backends.slurm.objects import Objects, Seat
from dure.backends.slurm.reading import Books
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.writing import Command, Step, chunks, place

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
) -> tuple[Step, ...]:
    """What may go now of what is not wanted."""
    have = books.ours
    gone = {
        seat
        for seat in have.associations
        if seat not in want.associations and (seat.user, seat.account) not in busy.people
    }
    staying = {seat.account for seat in have.associations.keys() - gone}
    accounts = {
        name
        for name in have.accounts.keys() - want.accounts.keys() - {names.TOP}
        if name not in busy.accounts | staying | books.above_others
    }
    if (
        names.TOP not in books.above_others
        and have.accounts.keys() - want.accounts.keys() - accounts == {names.TOP}
    ):
        accounts.add(names.TOP)
    used = {q for one in have.associations.values() if one.seat not in gone for q in one.qos}
    qos = have.qos.keys() - want.qos.keys() - busy.qos - used - (set() if alone else {names.LENT})
    nowhere = _sit_nowhere(gone, books) & people.keys()
    administrators = {user for user in nowhere if people[user].administrator}
    left = nowhere - administrators if alone else set()
    sitting = {seat for seat in gone if seat.user not in left | administrators}
    last = _leaves_first(accounts)
    return (
        *(_delete("user", chunk) for chunk in chunks(sorted(left))),
        *_other_defaults(sitting, people, books, cluster),
        *_seats((seat for seat in sitting if seat.account not in accounts), cluster),
        *(_delete("account", chunk, (f"cluster={cluster}",)) for chunk in chunks(last)),
        *(_delete("account", chunk) for chunk in chunks(last if alone else ())),
        *(_delete("qos", chunk) for chunk in chunks(sorted(qos))),
    )


def _leaves_first(accounts: Collection[str]) -> list[str]:
    return sorted(accounts, key=lambda name: (name == names.TOP, name))


def _sit_nowhere(gone: Iterable[Seat], books: Books) -> set[str]:
    """Who has no other account on this cluster than those left."""
    left: dict[str, set[str]] = {}
    for seat in gone:
        left.setdefault(seat.user, set()).add(seat.account)
    return {user for user, accounts in left.items() if books.accounts_of[user] <= accounts}


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
