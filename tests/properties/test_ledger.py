"""Whatever is entered, in whatever order and however often, nothing is made or lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from dure.metering.ledger import Entry, balances, charge, deposit, pullback, refund, void

AT = datetime(2026, 3, 1, tzinfo=UTC)


@st.composite
def ledgers(draw: st.DrawFn) -> list[Entry]:
    entries: list[Entry] = []
    for number in range(draw(st.integers(0, 12))):
        common: dict[str, Any] = {
            "key": f"e{number}",
            "at": AT,
            "allocation": draw(st.sampled_from(["a", "b"])),
            "pool": draw(st.sampled_from(["h", "i"])),
            "amount": draw(st.integers(1, 10**15)),
        }
        kind = draw(st.sampled_from(["deposit", "charge", "refund", "waitlist", "reserve"]))
        entries.append(_made(kind, common))
    voided = draw(st.lists(st.sampled_from(entries), unique_by=lambda e: e.key)) if entries else []
    return entries + [void(entry, key=f"void-{entry.key}", at=AT) for entry in voided]


def _made(kind: str, common: dict[str, Any]) -> Entry:
    if kind in ("waitlist", "reserve"):
        freed_to: Literal["waitlist", "reserve"] = "waitlist" if kind == "waitlist" else "reserve"
        return pullback(**common, freed_to=freed_to)
    return {"deposit": deposit, "charge": charge, "refund": refund}[kind](**common)


@settings(max_examples=100, deadline=None)
@given(ledgers())
def test_the_balances_always_sum_to_zero(entries: list[Entry]) -> None:
    assert sum(balances(entries).values()) == 0


@settings(max_examples=100, deadline=None)
@given(ledgers(), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(entries: list[Entry], shuffle: Any) -> None:
    again = entries + [entry.model_copy() for entry in entries]
    shuffle.shuffle(again)
    assert balances(again) == balances(entries)


@settings(max_examples=100, deadline=None)
@given(ledgers())
def test_voiding_what_stands_leaves_every_account_at_zero(entries: list[Entry]) -> None:
    voided = {entry.voids for entry in entries}
    standing = [e for e in entries if e.kind != "VOID" and e.key not in voided]
    undone = [void(entry, key=f"undo-{entry.key}", at=AT) for entry in standing]
    assert set(balances(entries + undone).values()) <= {0}
