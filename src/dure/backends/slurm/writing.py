"""From what Slurm has to what it should have: sacctmgr's commands, in order. Pure.

- All reductions stand before all increases; what shrinks in one way and grows in another is two
  commands. What is ours and no longer wanted is closed here, and goes when it is quiet
  (`removals`): an association is never deleted under a job that should live.
- What is set alike is set by one command for many names: each costs a fifth of a second at least,
  wherever it runs. New accounts and members are read from one file by sacctmgr's `load` where that
  is faster; without `clean` it only adds.
- One after the other: slurmdbd 22.05 ends itself (`fatal`) where two deletions meet in a deadlock
  of the database (seen with four side by side).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeVar

from dure.backends.slurm import names
from dure.backends.slurm.objects import (
    NO_LIMITS,
    Account,
    Association,
    Limits,
    Objects,
    Qos,
    Seat,
    combined,
)

AT_ONCE: Final = 200
"""Names in one command: some 8 kB of words."""

USERS_A_COMMAND: Final = 1_500
"""Loading a file takes the time of one or two commands, and of one more for so many users: it
looks at them all first (0.9 s where there are few, 2.8 s where 5,000 are)."""

_NEVER: Final = "-1"
"""How sacctmgr is told that there is no limit."""

Words = Mapping[str, str]
Limited = TypeVar("Limited", Qos, Account)


class Command(NamedTuple):
    """One call of sacctmgr."""

    argv: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(f'"{word}"' if " " in word else word for word in ("sacctmgr", *self.argv))


class Load(NamedTuple):
    """One file for sacctmgr's `load`."""

    text: str

    def __str__(self) -> str:
        return f"sacctmgr -i load file=FILE, where FILE has:\n{self.text}"


Step = Command | Load


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do: everything that takes away, then everything that gives; and what Slurm has in
    between."""

    reductions: tuple[Step, ...]
    increases: tuple[Step, ...]
    reduced: Objects


def steps(
    have: Objects, want: Objects, *, cluster: str, known: Collection[str], strays: bool = True
) -> Steps:
    """`known` are the users whom Slurm has; `strays`: whether what is not wanted is closed."""
    lower = _reduced(have, want, strays=strays)
    people = [*_new_accounts(have, want, cluster), *_new_seats(have, want, cluster)]
    if len(people) > 1 + len(known) / USERS_A_COMMAND:
        people = [Load(_file(have, want, cluster, known))]
    return Steps(
        reductions=(
            *_changed_qos(have.qos, lower.qos),
            *_changed_accounts(have.accounts, lower.accounts, cluster),
            *_changed_seats(have.associations, lower.associations, cluster),
        ),
        increases=(
            *_new_qos(have, want, lent=True),
            *_new_qos(have, want, lent=False),
            *_changed_qos(lower.qos, want.qos),
            *_changed_accounts(lower.accounts, want.accounts, cluster),
            *people,
            *_changed_seats(lower.associations, want.associations, cluster),
        ),
        reduced=lower,
    )


# What is in between


def _reduced(have: Objects, want: Objects, *, strays: bool) -> Objects:
    qos = {name: _less(one, want.qos.get(name), strays=strays) for name, one in have.qos.items()}
    accounts = {
        name: one if name == names.TOP else _less(one, want.accounts.get(name), strays=strays)
        for name, one in have.accounts.items()
    }
    seats = {
        seat: one._replace(open=False) if strays and _is_stray(seat, want) else one
        for seat, one in have.associations.items()
    }
    return Objects(qos=qos, accounts=accounts, associations=seats)


def _is_stray(seat: Seat, want: Objects) -> bool:
    """A person too many; with a whole account that is closed everybody in it is."""
    return seat.account in want.accounts and seat not in want.associations


def _less(have: Limited, want: Limited | None, *, strays: bool) -> Limited:
    if want is not None:
        return replace(have, limits=combined(have.limits, want.limits, _smaller))
    return replace(have, limits=replace(have.limits, jobs=0, submitted=0)) if strays else have


def _smaller(one: int | None, other: int | None) -> int | None:
    """None is without end."""
    return min((n for n in (one, other) if n is not None), default=None)


# Commands for what is there already


def _changed_qos(have: Mapping[str, Qos], want: Mapping[str, Qos]) -> Iterator[Step]:
    changes = (
        (name, _differing(_qos_words(one, have[name].limits), _qos_words(have[name], one.limits)))
        for name, one in want.items()
        if name in have and one != have[name]
    )
    for words, alike in _alike(changes):
        for chunk in chunks(alike):
            yield Command(("-i", "modify", "qos", "where", f"name={chunk}", "set", *words))


def _changed_accounts(
    have: Mapping[str, Account], want: Mapping[str, Account], cluster: str
) -> Iterator[Step]:
    changes = (
        (
            name,
            _differing(
                _account_words(one, have[name].limits), _account_words(have[name], one.limits)
            ),
        )
        for name, one in want.items()
        if name in have and one != have[name]
    )
    for words, alike in _alike(changes):
        for chunk in chunks(alike):
            where = (f"name={chunk}", f"cluster={cluster}")
            yield Command(("-i", "modify", "account", "where", *where, "set", *words))


def _changed_seats(
    have: Mapping[Seat, Association], want: Mapping[Seat, Association], cluster: str
) -> Iterator[Step]:
    changed: dict[tuple[str, str], list[tuple[str, Words]]] = {}
    for seat, one in want.items():
        before = have.get(seat)
        if before is not None and one != before:
            words = _differing(_seat_words(one), _seat_words(before))
            changed.setdefault((seat.account, seat.partition), []).append((seat.user, words))
    for (account, partition), changes in sorted(changed.items()):
        where = place(account, partition, cluster)
        for settings, alike in _alike(changes):
            for chunk in chunks(alike):
                whose = (f"name={chunk}", *where)
                yield Command(("-i", "modify", "user", "where", *whose, "set", *settings))


# Commands for what is new


def _new_qos(have: Objects, want: Objects, *, lent: bool) -> Iterator[Step]:
    new = (
        (name, _differing(_qos_words(one), _qos_words(_UNSET_QOS)))
        for name, one in want.qos.items()
        if name not in have.qos and (name == names.LENT) == lent
    )
    for words, alike in _alike(new):
        for chunk in chunks(alike):
            yield Command(("-i", "add", "qos", chunk, "set", *words))


def _new_accounts(have: Objects, want: Objects, cluster: str) -> Iterator[Step]:
    new = (
        (name, _differing(_account_words(one), _UNSET_ACCOUNT))
        for name, one in want.accounts.items()
        if name not in have.accounts
    )
    for words, alike in sorted(_alike(new), key=lambda group: names.TOP not in group[1]):
        for chunk in chunks(alike):
            yield Command(("-i", "add", "account", chunk, f"cluster={cluster}", *words))


def _new_seats(have: Objects, want: Objects, cluster: str) -> Iterator[Step]:
    new: dict[tuple[bool, str, str], list[tuple[str, Words]]] = {}
    for seat, one in want.associations.items():
        if seat not in have.associations:
            words = _differing(_seat_words(one), _UNSET_SEAT)
            at = (names.is_lent(seat.account), seat.account, seat.partition)
            new.setdefault(at, []).append((seat.user, words))
    for (_, account, partition), people in sorted(new.items(), key=lambda item: item[0]):
        where = place(account, partition, cluster)
        for settings, alike in _alike(people):
            for chunk in chunks(alike):
                yield Command(("-i", "add", "user", chunk, *where, *settings))


def _file(have: Objects, want: Objects, cluster: str, known: Collection[str]) -> str:
    """New accounts, then new seats. Who is known keeps his default account."""
    lines = [f"Cluster - '{cluster}'", "Parent - 'root'"]
    parent = "root"
    for name in sorted(want.accounts.keys() - have.accounts.keys(), key=_top_first):
        account = want.accounts[name]
        if account.parent != parent:
            parent = account.parent
            lines.append(f"Parent - '{parent}'")
        words = _differing(_account_words(account), {**_UNSET_ACCOUNT, "Parent": parent})
        lines.append(":".join([f"Account - '{name}'", *(f"{w}='{v}'" for w, v in words.items())]))
    named = set(known)
    for seat in sorted(want.associations, key=_owners_first):
        if seat in have.associations:
            continue
        if seat.account != parent:
            parent = seat.account
            lines.append(f"Parent - '{parent}'")
        one = want.associations[seat]
        default = "" if seat.user in named else f":DefaultAccount='{seat.account}'"
        named.add(seat.user)
        lines.append(
            f"User - '{seat.user}':Partition='{seat.partition}'{default}"
            f":QOS='{','.join(one.qos)}':DefaultQOS='{one.default_qos}'"
        )
    return "\n".join(lines) + "\n"


def _top_first(account: str) -> tuple[bool, str]:
    return account != names.TOP, account


def _owners_first(seat: Seat) -> tuple[bool, Seat]:
    return names.is_lent(seat.account), seat


# What is set, in sacctmgr's words


_UNSET_QOS: Final = Qos(name="", description="", priority=0)


def _qos_words(qos: Qos, beyond: Limits = NO_LIMITS) -> Words:
    return {
        "Description": qos.description,
        "Priority": str(qos.priority),
        "GraceTime": str(qos.grace_s),
        "Preempt": ",".join(qos.preempt),
        "PreemptMode": qos.preempt_mode,
        "Flags": ",".join(qos.flags) or _NEVER,
        "UsageFactor": f"{qos.usage_factor:g}",
        **_limit_words(qos.limits, beyond),
    }


def _account_words(account: Account, beyond: Limits = NO_LIMITS) -> Words:
    return {
        "Description": account.description,
        "Organization": account.organization,
        "Parent": account.parent,
        "Priority": _NEVER if account.priority is None else str(account.priority),
        **_limit_words(account.limits, beyond),
    }


def _seat_words(one: Association) -> Words:
    limit = _NEVER if one.open else "0"
    return {
        "QOS": ",".join(one.qos),
        "DefaultQOS": one.default_qos,
        "GrpJobs": limit,
        "GrpSubmitJobs": limit,
    }


def _limit_words(limits: Limits, beyond: Limits) -> Words:
    """`beyond`: what was limited before and may have to be freed."""
    return {
        "GrpTRES": _tres_words(limits.tres, beyond.tres),
        "GrpTRESMins": _tres_words(limits.tres_minutes, beyond.tres_minutes),
        "GrpJobs": _NEVER if limits.jobs is None else str(limits.jobs),
        "GrpSubmitJobs": _NEVER if limits.submitted is None else str(limits.submitted),
    }


def _tres_words(tres: tuple[tuple[str, int], ...], beyond: tuple[tuple[str, int], ...]) -> str:
    numbers = {**{what: _NEVER for what, _ in beyond}, **{what: str(n) for what, n in tres}}
    return ",".join(f"{what}={number}" for what, number in sorted(numbers.items()))


_UNSET_ACCOUNT: Final[Words] = {**_limit_words(NO_LIMITS, NO_LIMITS), "Priority": _NEVER}
_UNSET_SEAT: Final[Words] = {"GrpJobs": _NEVER, "GrpSubmitJobs": _NEVER}


def _differing(words: Words, before: Words) -> Words:
    return {word: value for word, value in words.items() if before.get(word) != value}


def place(account: str, partition: str, cluster: str) -> tuple[str, ...]:
    """What tells one seat of a person from the others."""
    where = (f"account={account}", f"cluster={cluster}")
    return (*where, f"partition={partition}") if partition else where


def _alike(changes: Iterable[tuple[str, Words]]) -> list[tuple[tuple[str, ...], list[str]]]:
    """Which names get the same words."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, words in changes:
        if words:
            settings = tuple(f"{word}={value}" for word, value in words.items())
            groups.setdefault(settings, []).append(name)
    return [(words, sorted(alike)) for words, alike in sorted(groups.items())]


def chunks(alike: Sequence[str]) -> Iterator[str]:
    """Lists of names as sacctmgr takes them."""
    for start in range(0, len(alike), AT_ONCE):
        yield ",".join(alike[start : start + AT_ONCE])
