"""Entries sum to zero, never change, and count once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from dure.metering.ledger import (
    ConflictingEntries,
    Entry,
    Posting,
    UnableToVoid,
    balances,
    charge,
    deposit,
    pullback,
    refund,
    void,
)
from dure.vocabulary.plans import Reason
from dure.vocabulary.reasons import CATALOGUE

AT = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_life_of_an_allocation_leaves_what_it_may_still_use() -> None:
    given = deposit(key="d", at=AT, allocation="a", pool="h", amount=1000)
    used = charge(key="c", at=AT, allocation="a", pool="h", amount=50)
    back = refund(key="r", at=AT, allocation="a", pool="h", amount=10)
    taken = pullback(key="p", at=AT, allocation="a", pool="h", amount=288, freed_to="reserve")
    assert balances([given, used, back, taken]) == {
        "allocation:a": 672,
        "pool:h:programme": -1000,
        "pool:h:reserve": 288,
        "pool:h:used": 40,
    }


def test_a_pull_back_for_the_waitlist_returns_to_the_programme() -> None:
    given = deposit(key="d", at=AT, allocation="a", pool="h", amount=1000)
    taken = pullback(key="p", at=AT, allocation="a", pool="h", amount=300, freed_to="waitlist")
    assert balances([given, taken]) == {"allocation:a": 700, "pool:h:programme": -700}


def test_a_void_undoes_its_entry_and_names_it() -> None:
    used = charge(key="c", at=AT, allocation="a", pool="h", amount=50)
    undone = void(used, key="v", at=AT)
    assert undone.voids == "c"
    assert set(balances([used, undone]).values()) == {0}


def test_a_void_is_not_voided() -> None:
    undone = void(charge(key="c", at=AT, allocation="a", pool="h", amount=5), key="v", at=AT)
    with pytest.raises(UnableToVoid, match="v is a void"):
        void(undone, key="w", at=AT)


def test_an_entry_is_not_voided_twice() -> None:
    used = charge(key="c", at=AT, allocation="a", pool="h", amount=50)
    with pytest.raises(ConflictingEntries, match="voided twice"):
        balances([used, void(used, key="v", at=AT), void(used, key="w", at=AT)])


def test_the_same_entry_twice_counts_once() -> None:
    used = charge(key="c", at=AT, allocation="a", pool="h", amount=50)
    assert balances([used, used.model_copy()]) == balances([used])


def test_two_entries_that_differ_under_one_key_are_a_fault() -> None:
    one = charge(key="c", at=AT, allocation="a", pool="h", amount=50)
    other = charge(key="c", at=AT, allocation="a", pool="h", amount=51)
    with pytest.raises(ConflictingEntries, match="ledger entry c"):
        balances([one, other])


@pytest.mark.parametrize(
    ("postings", "why"),
    [
        ((("x", 2), ("y", -1)), "the postings sum to 1, not to zero"),
        ((("x", 0), ("y", 0)), "each posting moves something"),
        ((("x", 1), ("x", -1)), "an account stands in one posting"),
        ((("x", 1),), "at least 2"),
    ],
)
def test_postings_that_are_no_transaction_are_refused(
    postings: tuple[tuple[str, int], ...], why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        Entry(
            key="x",
            kind="CHARGE",
            at=AT,
            allocation="a",
            postings=tuple(Posting(account=name, amount=n) for name, n in postings),
            reason=Reason(code="ledger.charge"),
        )


@pytest.mark.parametrize("amount", [0, -5])
def test_an_entry_moves_a_positive_amount(amount: int) -> None:
    with pytest.raises(ValueError, match="positive amount"):
        deposit(key="d", at=AT, allocation="a", pool="h", amount=amount)


def test_every_entry_explains_itself_in_a_catalogued_sentence() -> None:
    given = deposit(key="d", at=AT, allocation="a", pool="h", amount=7)
    entries = [
        given,
        charge(key="c", at=AT, allocation="a", pool="h", amount=7),
        refund(key="r", at=AT, allocation="a", pool="h", amount=7),
        pullback(key="p", at=AT, allocation="a", pool="h", amount=7, freed_to="waitlist"),
        void(given, key="v", at=AT),
    ]
    for entry in entries:
        assert CATALOGUE[entry.reason.code].format(**entry.reason.params)
