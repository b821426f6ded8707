"""A programme's month: where its accelerators went, and what each user owes.

- A month is the programme's: its edges are midnights in the programme's zone.
- The figures are those of the pools' accounts; nothing is counted here a second time.
- The users' share: price x accelerator-months entitled x share x reductions, exact, and rounded
  once, half up, to the currency's minor unit. What was entitled is paid for, used or not.
- Without a rule for the sector nothing is owed. A rule without a price for the model owes nothing
  either, and the allocation is listed as `unpriced`, so that nobody takes it for free.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import reduce
from operator import add

from pydantic import AwareDatetime, Field, JsonValue

from dure.metering.conservation import NOTHING, AllocationUse, PoolAccount, SixWay
from dure.quantities import Money, Period, month
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.programme import CostShare, MarketPrice, Programme


class UnableToState(ValueError):
    """The accounts are not those of this month, pool or allocation; the message names it."""


class PoolIdentity(Frozen):
    """Whose pool it is, and of what."""

    pool: str
    provider: str
    cluster: str
    model: str


class AllocationIdentity(Frozen):
    """Whose allocation it is. `servers` as of the month's end, `answers` those of the form."""

    allocation: str
    project: str
    organisation: str
    sector: str
    servers: int = Field(ge=0)
    answers: dict[str, JsonValue] = {}


class PoolLine(Frozen):
    pool: str
    provider: str
    cluster: str
    model: str
    accelerators: int
    split: SixWay


class AllocationLine(Frozen):
    """One allocation's month; `entitled` and `used` in accelerator-seconds."""

    allocation: str
    project: str
    organisation: str
    sector: str
    pool: str
    model: str
    servers: int
    entitled: int
    used: int
    cost_share: Money


class BorrowerLine(Frozen):
    """What a project ran on lent capacity of a pool, in accelerator-seconds."""

    project: str
    pool: str
    lent: int


class MonthlyStatement(Frozen):
    """The closed month. `[start, end)` is the month in the programme's zone, as UTC."""

    programme: str
    year: int
    month: int
    start: AwareDatetime
    end: AwareDatetime
    pools: tuple[PoolLine, ...]
    allocations: tuple[AllocationLine, ...]
    borrowers: tuple[BorrowerLine, ...]
    totals: SixWay
    cost_share: Money
    unpriced: tuple[str, ...] = ()


def statement(
    *,
    programme: Programme,
    year: int,
    month_number: int,
    pools: Sequence[PoolIdentity],
    accounts: Sequence[PoolAccount],
    allocations: Sequence[AllocationIdentity],
) -> MonthlyStatement:
    """The month of `programme` from the accounts of its pools, one account a pool.

    Raises UnableToState where an account is of another length than the month or is missing, or
    names a pool or allocation that is not described.
    """
    period = month(year, month_number, programme.zone)
    account_of = _accounts_by_pool(accounts, pools, period)
    described = {one.allocation: one for one in allocations}
    lines: list[AllocationLine] = []
    unpriced: list[str] = []
    for pool in pools:
        price = programme.price_of(pool.model)
        for use in account_of[pool.pool].allocations:
            who = described.get(use.allocation)
            if who is None:
                msg = f"pool {pool.pool} accounts for {use.allocation}, which is not described"
                raise UnableToState(msg)
            rule = programme.cost_share_of(who.sector)
            if rule is not None and rule.share and price is None:
                unpriced.append(use.allocation)
            owed = cost_share(
                entitled=use.entitled,
                month_seconds=period.seconds,
                price=price,
                rule=rule,
                answers=who.answers,
                currency=programme.currency,
            )
            lines.append(_line(who, use, pool, owed))
    lines.sort(key=lambda line: (line.allocation, line.pool))
    return MonthlyStatement(
        programme=programme.id,
        year=year,
        month=month_number,
        start=period.start,
        end=period.end,
        pools=tuple(_pool_line(pool, account_of[pool.pool]) for pool in pools),
        allocations=tuple(lines),
        borrowers=_borrowers(accounts),
        totals=reduce(add, (account.split for account in accounts), NOTHING),
        cost_share=reduce(add, (line.cost_share for line in lines), Money(0, programme.currency)),
        unpriced=tuple(sorted(unpriced)),
    )


def cost_share(
    *,
    entitled: int,
    month_seconds: int,
    price: MarketPrice | None,
    rule: CostShare | None,
    answers: Mapping[str, object],
    currency: str,
) -> Money:
    """What the user pays for `entitled` accelerator-seconds of a month of `month_seconds`.

    A reduction applies where its form field was answered with yes; several multiply.
    """
    if rule is None or price is None:
        return Money(0, currency)
    factor = Fraction(entitled, month_seconds) * rule.share
    for field, reduction in rule.reductions.items():
        if answers.get(field) is True:
            factor *= reduction
    return Money(price.per_accelerator_month, currency).times(factor)


def _accounts_by_pool(
    accounts: Sequence[PoolAccount], pools: Sequence[PoolIdentity], period: Period
) -> dict[str, PoolAccount]:
    by_pool: dict[str, PoolAccount] = {}
    for account in accounts:
        if account.seconds != period.seconds:
            msg = f"the account of pool {account.pool} spans {account.seconds} s, not the month"
            raise UnableToState(msg)
        if account.pool in by_pool:
            msg = f"pool {account.pool} has two accounts"
            raise UnableToState(msg)
        by_pool[account.pool] = account
    differing = by_pool.keys() ^ {pool.pool for pool in pools}
    if differing:
        msg = f"described but not accounted for, or the reverse: {', '.join(sorted(differing))}"
        raise UnableToState(msg)
    return by_pool


def _line(
    who: AllocationIdentity, use: AllocationUse, pool: PoolIdentity, owed: Money
) -> AllocationLine:
    return AllocationLine(
        allocation=who.allocation,
        project=who.project,
        organisation=who.organisation,
        sector=who.sector,
        pool=pool.pool,
        model=pool.model,
        servers=who.servers,
        entitled=use.entitled,
        used=use.used,
        cost_share=owed,
    )


def _pool_line(pool: PoolIdentity, account: PoolAccount) -> PoolLine:
    return PoolLine(
        pool=pool.pool,
        provider=pool.provider,
        cluster=pool.cluster,
        model=pool.model,
        accelerators=account.accelerators,
        split=account.split,
    )


def _borrowers(accounts: Sequence[PoolAccount]) -> tuple[BorrowerLine, ...]:
    lent: defaultdict[tuple[str, str], int] = defaultdict(int)
    for account in accounts:
        for project, amount in account.lent_to.items():
            lent[project, account.pool] += amount
    return tuple(
        BorrowerLine(project=project, pool=pool, lent=lent[project, pool])
        for project, pool in sorted(lent)
    )
