"""A programme's month in figures, and what users owe for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dure.metering.checks import adds_up
from dure.metering.conservation import Entitled, Held, PoolAccount, PoolFacts, account
from dure.metering.statement import (
    AllocationIdentity,
    MonthlyStatement,
    PoolIdentity,
    UnableToState,
    cost_share,
    statement,
)
from dure.quantities import Money, Period, month
from dure.vocabulary.programme import CostShare, MarketPrice, Programme

MONTH_S = 30 * 86_400
PRICE = MarketPrice(model="b200", per_accelerator_month=3_000_001, source="test")
INDUSTRY = CostShare.model_validate(
    {"sector": "industry", "share": "10%", "reductions": {"youth": "1/2", "regional": "0.8"}}
)


def owed(entitled: int, **more: Any) -> int:
    known: dict[str, Any] = {
        "month_seconds": MONTH_S,
        "price": PRICE,
        "rule": INDUSTRY,
        "answers": {},
        "currency": "KRW",
    }
    return cost_share(entitled=entitled, **(known | more)).minor


def test_a_whole_month_of_sixteen_costs_the_share_of_sixteen_prices() -> None:
    """16 x 3,000,001 x 10 % = 4,800,001.6, half up."""
    assert owed(16 * MONTH_S) == 4_800_002


def test_a_part_of_the_month_is_paid_by_the_second() -> None:
    """One accelerator for 10 of 30 days: 3,000,001 x 1/3 x 10 % = 100,000.03…"""
    assert owed(10 * 86_400) == 100_000


def test_reductions_multiply_and_only_where_answered_with_yes() -> None:
    whole = 16 * MONTH_S
    assert owed(whole, answers={"youth": True}) == 2_400_001  # 2,400,000.8
    assert owed(whole, answers={"youth": True, "regional": True}) == 1_920_001  # 1,920,000.64
    assert owed(whole, answers={"youth": False, "regional": "true"}) == 4_800_002


def test_an_exact_half_rounds_up_once() -> None:
    """5 x 1/10 = 0.5 rounds to 1; were each accelerator rounded, three would be 3, not 2."""
    five = MarketPrice(model="b200", per_accelerator_month=5, source="test")
    assert owed(MONTH_S, price=five) == 1
    assert owed(3 * MONTH_S, price=five) == 2


def test_no_rule_or_no_price_owes_nothing() -> None:
    assert owed(MONTH_S, rule=None) == 0
    assert owed(MONTH_S, price=None) == 0


def programme() -> Programme:
    label = {"ko": "가", "en": "A"}
    return Programme.model_validate(
        {
            "schema": "dure.programme/1",
            "id": "kr",
            "name": label,
            "agency": label,
            "time_zone": "Asia/Seoul",
            "currency": "KRW",
            "sectors": [{"id": "industry", "label": label}, {"id": "academia", "label": label}],
            "regions": [{"id": "r", "label": label}],
            "accelerators": [
                {
                    "id": "b200",
                    "vendor": "NVIDIA",
                    "name": "B200",
                    "memory_gb": 180,
                    "bf16_tflops": 2250,
                    "tdp_w": 1000,
                    "link_gb_per_s": 1800,
                    "weight": "1",
                    "source": "test",
                }
            ],
            "providers": [{"id": "v", "name": label, "sites": []}],
            "tracks": [
                {
                    "id": "t",
                    "label": label,
                    "sectors": ["industry"],
                    "size_classes": [{"id": "s", "label": label, "min_amount": 1, "max_amount": 9}],
                    "max_months": 12,
                }
            ],
            "form": [
                {"id": "youth", "label": label, "kind": "boolean"},
                {"id": "regional", "label": label, "kind": "boolean"},
            ],
            "rubric": {"criteria": [{"id": "c", "label": label, "points": 100}]},
            "cost_shares": [INDUSTRY.model_dump(mode="json")],
            "market_prices": [PRICE.model_dump(mode="json")],
        }
    )


NOVEMBER = month(2026, 11, programme().zone)
POOLS = (
    PoolIdentity(pool="big", provider="v", cluster="c1", model="b200"),
    PoolIdentity(pool="odd", provider="w", cluster="c2", model="npu"),
)
WHO = tuple(
    AllocationIdentity(
        allocation=name, project=f"p-{name}", organisation="org", sector=sector, servers=2
    )
    for name, sector in (("a", "industry"), ("b", "academia"), ("c", "industry"))
)


def told(pool: str, period: Period = NOVEMBER, *allocations: str) -> PoolAccount:
    facts = PoolFacts(
        pool=pool,
        accelerators=40,
        own_accelerators=8,
        entitled=tuple(
            Entitled(start=period.start, end=period.end, accelerators=16, allocation=name)
            for name in allocations
        ),
        held=(
            Held(
                start=period.start,
                end=datetime(2026, 11, 2, tzinfo=UTC),
                accelerators=8,
                kind="lent",
                allocation=None,
                project="borrower",
                key="k",
            ),
        ),
    )
    return account(facts, period)


def november() -> MonthlyStatement:
    return statement(
        programme=programme(),
        year=2026,
        month_number=11,
        pools=POOLS,
        accounts=[told("big", NOVEMBER, "a", "b"), told("odd", NOVEMBER, "c")],
        allocations=WHO,
    )


def test_the_month_is_the_programmes_and_every_figure_is_from_the_accounts() -> None:
    closed = november()
    assert closed.start == datetime(2026, 10, 31, 15, tzinfo=UTC)
    assert closed.totals.total == 2 * 40 * MONTH_S
    assert closed.totals.own == 2 * 8 * MONTH_S
    assert [(line.pool, line.model, line.accelerators) for line in closed.pools] == [
        ("big", "b200", 40),
        ("odd", "npu", 40),
    ]
    assert [(b.project, b.pool, b.lent) for b in closed.borrowers] == [
        ("borrower", "big", 8 * 33 * 3600),
        ("borrower", "odd", 8 * 33 * 3600),
    ]
    assert adds_up(closed) == ()


def test_each_sector_owes_by_its_rule_and_a_missing_price_is_said() -> None:
    closed = november()
    assert {line.allocation: line.cost_share for line in closed.allocations} == {
        "a": Money(4_800_002, "KRW"),
        "b": Money(0, "KRW"),
        "c": Money(0, "KRW"),
    }
    assert closed.unpriced == ("c",)
    assert closed.cost_share == Money(4_800_002, "KRW")


def test_a_statement_has_one_json_form() -> None:
    closed = november()
    assert MonthlyStatement.model_validate_json(closed.model_dump_json()) == closed


@pytest.mark.parametrize(
    ("accounts", "why"),
    [
        ([told("big", month(2026, 10, programme().zone))], "not the month"),
        ([told("big"), told("big")], "two accounts"),
        ([told("big")], "odd"),
        ([told("big", NOVEMBER, "z"), told("odd")], "z, which is not described"),
    ],
)
def test_accounts_that_are_not_of_this_month_are_refused(
    accounts: list[PoolAccount], why: str
) -> None:
    with pytest.raises(UnableToState, match=why):
        statement(
            programme=programme(),
            year=2026,
            month_number=11,
            pools=POOLS,
            accounts=accounts,
            allocations=WHO,
        )


@pytest.mark.parametrize("field", ["totals", "cost_share", "borrowers", "allocations", "pools"])
def test_the_check_finds_a_line_or_total_that_was_changed(field: str) -> None:
    changed: dict[str, Any] = {
        "totals": november().totals.model_copy(update={"idle": 1}),
        "cost_share": Money(1, "KRW"),
        "borrowers": (),
        "allocations": (),
        "pools": november().pools[:1],
    }
    assert adds_up(november().model_copy(update={field: changed[field]}))
