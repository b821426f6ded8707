"""The ledger: what was given, used, given back and taken back, in accelerator-seconds.

- An entry never changes; a wrong one is voided by another that undoes it.
- The postings of an entry sum to zero: what one account gets, another gives.
- A balance is a projection of entries, never stored beside them.
- An entry's key is natural: the same entry twice is once; two that differ are a fault.

Accounts: `allocation:A` (what A may still use), `pool:P:programme` (what P has promised, negative),
`pool:P:used` (what was used up), `pool:P:reserve` (what was pulled back and is held).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NotRequired, TypedDict, Unpack

from pydantic import AwareDatetime, Field, model_validator

from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Reason

EntryKind = Literal["DEPOSIT", "CHARGE", "REFUND", "CREDIT", "PULLBACK", "VOID"]
Side = Literal["programme", "used", "reserve"]


class ConflictingEntries(ValueError):
    """Two entries that cannot both stand. `key` is the key they share or the entry they void."""

    def __init__(self, key: str, why: str) -> None:
        self.key = key
        super().__init__(f"ledger entry {key}: {why}")


class UnableToVoid(ValueError):
    """The entry is itself a void: enter what is right instead of undoing an undoing."""


class Posting(Frozen):
    """`amount` accelerator-seconds into `account` (negative: out of it)."""

    account: str = Field(min_length=1)
    amount: int


class Entry(Frozen):
    """One transaction, for one allocation, at one instant, with its reason."""

    key: str = Field(min_length=1)
    kind: EntryKind
    at: AwareDatetime
    allocation: str
    postings: tuple[Posting, ...] = Field(min_length=2)
    reason: Reason
    voids: str | None = None

    @model_validator(mode="after")
    def _moves_and_sums_to_zero(self) -> Entry:
        total = sum(posting.amount for posting in self.postings)
        if total:
            msg = f"the postings sum to {total}, not to zero"
            raise ValueError(msg)
        if not all(posting.amount for posting in self.postings):
            raise ValueError("each posting moves something")
        if len({posting.account for posting in self.postings}) != len(self.postings):
            raise ValueError("an account stands in one posting of an entry")
        if (self.kind == "VOID") != (self.voids is not None):
            raise ValueError("a void names the entry it voids, and only a void does")
        return self


def allocation_account(allocation: str) -> str:
    """What the allocation may still use."""
    return f"allocation:{allocation}"


def pool_account(pool: str, side: Side) -> str:
    """One of a pool's three accounts."""
    return f"pool:{pool}:{side}"


class Movement(TypedDict):
    """What is said of every entry that moves `amount` between an allocation and its pool."""

    key: str
    at: datetime
    allocation: str
    pool: str
    amount: int
    reason: NotRequired[Reason | None]


def deposit(**what: Unpack[Movement]) -> Entry:
    """The pool's programme capacity gives the allocation `amount`."""
    return _into("DEPOSIT", "programme", **what)


def charge(**what: Unpack[Movement]) -> Entry:
    """The owner used `amount` of the allocation."""
    return _out_of("CHARGE", "used", **what)


def refund(**what: Unpack[Movement]) -> Entry:
    """Use that the programme does not charge for (a fault of the site) goes back."""
    return _into("REFUND", "used", **what)


def credit(**what: Unpack[Movement]) -> Entry:
    """What an outage kept from the allocation is owed to it anew, out of the programme's part."""
    return _into("CREDIT", "programme", **what)


def pullback(*, freed_to: Literal["waitlist", "reserve"], **what: Unpack[Movement]) -> Entry:
    """A rule takes `amount` back: to the programme, for the waitlist, or to the pool's reserve."""
    return _out_of("PULLBACK", "programme" if freed_to == "waitlist" else "reserve", **what)


def void(entry: Entry, *, key: str, at: datetime, reason: Reason | None = None) -> Entry:
    """The entry that undoes `entry`. Raises UnableToVoid if that is a void itself."""
    if entry.kind == "VOID":
        msg = f"{entry.key} is a void; enter what is right instead"
        raise UnableToVoid(msg)
    return Entry(
        key=key,
        kind="VOID",
        at=at,
        allocation=entry.allocation,
        postings=tuple(Posting(account=p.account, amount=-p.amount) for p in entry.postings),
        reason=reason or _because("ledger.void", voids=entry.key),
        voids=entry.key,
    )


def balances(entries: Iterable[Entry]) -> dict[str, int]:
    """What each account holds, by account; they sum to zero.

    The same entry twice counts once. Raises ConflictingEntries where two that differ share a key,
    or where two void the same entry.
    """
    sums: defaultdict[str, int] = defaultdict(int)
    for entry in _once(entries):
        for posting in entry.postings:
            sums[posting.account] += posting.amount
    return {account: sums[account] for account in sorted(sums)}


def _once(entries: Iterable[Entry]) -> Iterable[Entry]:
    known: dict[str, Entry] = {}
    voided: set[str] = set()
    for entry in entries:
        before = known.setdefault(entry.key, entry)
        if before is not entry:
            if before != entry:
                raise ConflictingEntries(entry.key, "two entries that differ have this key")
            continue
        if entry.voids is not None:
            if entry.voids in voided:
                raise ConflictingEntries(entry.voids, "it is voided twice")
            voided.add(entry.voids)
    return known.values()


def _into(kind: EntryKind, side: Side, **what: Unpack[Movement]) -> Entry:
    """From one of the pool's accounts to the allocation."""
    source, target = pool_account(what["pool"], side), allocation_account(what["allocation"])
    return _moving(kind, source, target, **what)


def _out_of(kind: EntryKind, side: Side, **what: Unpack[Movement]) -> Entry:
    """From the allocation to one of the pool's accounts."""
    source, target = allocation_account(what["allocation"]), pool_account(what["pool"], side)
    return _moving(kind, source, target, **what)


def _moving(kind: EntryKind, source: str, target: str, **what: Unpack[Movement]) -> Entry:
    pool, amount = what["pool"], what["amount"]
    if amount <= 0:
        msg = f"an entry moves a positive amount, not {amount}"
        raise ValueError(msg)
    return Entry(
        key=what["key"],
        kind=kind,
        at=what["at"],
        allocation=what["allocation"],
        postings=(Posting(account=source, amount=-amount), Posting(account=target, amount=amount)),
        reason=what.get("reason") or _because(f"ledger.{kind.lower()}", pool=pool, amount=amount),
    )


def _because(code: str, **params: str | int) -> Reason:
    return Reason(code=code, params=dict(params))
