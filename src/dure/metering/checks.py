"""Checks of what was counted, from the counts alone: none of them counts anew.

- A violation names its rule and the figures that disagree; no violation, and the month may close.
"""

from __future__ import annotations

from collections.abc import Iterator

from dure.metering.conservation import PoolAccount, SixWay
from dure.metering.statement import MonthlyStatement
from dure.vocabulary.plans import Violation


def conserves(account: PoolAccount) -> tuple[Violation, ...]:
    """Every accelerator-second of the pool is in exactly one of the six places."""
    return tuple(_account_problems(account))


def adds_up(statement: MonthlyStatement) -> tuple[Violation, ...]:
    """Each pool's month is whole, and the totals are those of the lines."""
    return tuple(_statement_problems(statement))


def _account_problems(account: PoolAccount) -> Iterator[Violation]:
    where = f"pool {account.pool}"
    yield from _whole(account.split, account.accelerators * account.seconds, where)
    for rule, lines, sum_of_them in (
        ("used", account.split.used, sum(use.used for use in account.allocations)),
        ("lent", account.split.lent, sum(account.lent_to.values())),
    ):
        if lines != sum_of_them:
            yield Violation(
                rule=f"conservation.{rule}",
                detail=f"{where}: {lines} in the split, {sum_of_them} in its parts",
            )
    for use in account.allocations:
        if use.used > use.entitled:
            yield Violation(
                rule="conservation.entitlement",
                detail=f"{where}: {use.allocation} used {use.used} of {use.entitled}",
            )


def _statement_problems(statement: MonthlyStatement) -> Iterator[Violation]:
    seconds = int((statement.end - statement.start).total_seconds())
    for line in statement.pools:
        yield from _whole(line.split, line.accelerators * seconds, f"pool {line.pool}")
    for name in SixWay.model_fields:
        expected = sum(getattr(line.split, name) for line in statement.pools)
        found = getattr(statement.totals, name)
        if found != expected:
            yield Violation(
                rule="statement.totals", detail=f"{name}: {found}, but its lines say {expected}"
            )
    yield from _same("used", statement.totals.used, sum(a.used for a in statement.allocations))
    yield from _same("lent", statement.totals.lent, sum(b.lent for b in statement.borrowers))
    owed = sum(line.cost_share.minor for line in statement.allocations)
    yield from _same("cost share", statement.cost_share.minor, owed)


def _same(what: str, total: int, lines: int) -> Iterator[Violation]:
    if total != lines:
        yield Violation(
            rule="statement.lines", detail=f"{what}: {total} in total, {lines} in lines"
        )


def _whole(split: SixWay, whole: int, where: str) -> Iterator[Violation]:
    parts = split.model_dump()
    negative = {name: part for name, part in parts.items() if part < 0}
    if negative:
        yield Violation(rule="conservation.negative", detail=f"{where}: {negative}")
    if sum(parts.values()) != whole:
        yield Violation(
            rule="conservation.sum",
            detail=f"{where}: {sum(parts.values())} accounted for of {whole}",
        )
