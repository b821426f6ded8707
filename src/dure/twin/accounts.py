"""Where every accelerator-second of a play went, by calendar month: counted by `dure.metering`.

- The usage facts are the engine's own stretches, one for each uninterrupted stretch of a job in one
  mode. What still runs when the play ends counts up to its end.
- Down is a node that failed, until it is repaired. A parked spare is sound: it is unallocated.
- A lowered entitlement goes on for what still runs under it until that has left, as in the hub.
- Months are the programme's; the first and the last are cut by the play.
- What metering counted must be what the engine counted, or the account is refused.
- Metering looks at each stretch by itself: 30 to 60 CPU seconds for a million, longer than the
  play. So it counts where a play is small, and where somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from dure.engine import scheduling as sched
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.metering import conservation
from dure.metering.checks import conserves
from dure.metering.conservation import Down, Entitled, Held, PoolAccount, PoolFacts, SixWay
from dure.quantities import Period
from dure.quantities.period import month as calendar_month
from dure.twin.desired import instant
from dure.twin.metrics import UnableToAccount
from dure.twin.outages import outages
from dure.twin.policies.facts import Ints
from dure.twin.run import Play
from dure.twin.setting import DAY_S
from dure.twin.site import Site
from dure.vocabulary.frozen import Frozen

SMALL: Final = 30_000
"""Stretches that are counted without being asked: one or two CPU seconds."""


class MonthAccount(Frozen):
    """One pool in one month, written as 2026-03."""

    month: str
    account: PoolAccount


class Month(NamedTuple):
    """A calendar month as far as it lies in the play."""

    name: str
    period: Period


def is_small(play: Play) -> bool:
    """Whether the account of the play costs little."""
    return sum(int(site.world.state.counter[cr.SEGMENTS]) for site in play.sites) <= SMALL


def months_of(play: Play) -> tuple[Month, ...]:
    """The play's calendar months in the programme's zone."""
    zone, start = play.setting.zone, play.setting.start
    whole = Period(start, instant(start, play.setting.days * DAY_S))
    found, at = [], whole.start
    while at < whole.end:
        local = at.astimezone(zone)
        full = calendar_month(local.year, local.month, zone)
        part = full.meet(whole)
        assert part is not None  # noqa: S101  # the month of an instant of the play
        found.append(Month(f"{local.year}-{local.month:02d}", part))
        at = part.end
    return tuple(found)


def accounts_of(play: Play) -> tuple[MonthAccount, ...]:
    """Every pool in every month. Raises UnableToAccount where engine and metering disagree."""
    return tuple(account for site in play.sites for account in _pool(play, site))


def total(accounts: tuple[MonthAccount, ...]) -> SixWay:
    """All of them together."""
    return sum((one.account.split for one in accounts), conservation.NOTHING)


def _pool(play: Play, site: Site) -> Iterator[MonthAccount]:
    facts = _Facts(play, site)
    made = []
    for month in months_of(play):
        try:
            account = conservation.account(facts.of(month.period), month.period)
        except conservation.UnableToAccount as error:
            raise UnableToAccount(str(error)) from error
        wrong = conserves(account)
        if wrong:
            raise UnableToAccount(f"{month.name}: {wrong[0].rule}: {wrong[0].detail}")
        made.append(MonthAccount(month=month.name, account=account))
    _agree(site, total(tuple(made)))
    yield from made


def _agree(site: Site, counted: SixWay) -> None:
    state = site.world.state
    number = state.counter
    engine = {
        "used": int(state.owner_as.sum()),
        "lent": int(state.lent_as.sum()),
        "the rest": int(number[cr.IDLE_AS] + number[cr.HELD_AS] + number[cr.DOWN_AS]),
    }
    metered = {
        "used": counted.used,
        "lent": counted.lent,
        "the rest": counted.idle + counted.unallocated + counted.down,
    }
    if metered != engine:
        raise UnableToAccount(f"pool {site.pool.id}: metering {metered}, engine {engine}")


class _Facts:
    """What happened on one pool, ready to be cut into months. Times in seconds of the play."""

    def __init__(self, play: Play, site: Site) -> None:
        self.site = site
        self.origin = play.setting.start.astimezone(UTC)
        self.keys = [play.setting.projects[index].key for index in site.projects]
        self.stretches = _stretches(site.world)
        self.down = outages(site.world)
        self.entitled = [*_promised(site), *_beyond(site, self.stretches)]

    def of(self, period: Period) -> PoolFacts:
        """What touches the period."""
        since, until = (self._second(at) for at in (period.start, period.end))
        touch = (self.stretches[1] < until) & (self.stretches[2] > since)
        size = self.site.pool.accelerators_per_node
        return PoolFacts(
            pool=self.site.pool.id,
            accelerators=self.site.pool.nodes * size,
            own_accelerators=0,
            held=tuple(self._held(self.stretches[:, touch])),
            down=tuple(
                Down(start=self._at(a), end=self._at(b), accelerators=size, node=str(node))
                for node, a, b in self.down
                if a < until and b > since
            ),
            entitled=tuple(
                Entitled(
                    start=self._at(a),
                    end=self._at(b),
                    accelerators=amount,
                    allocation=self.keys[account],
                )
                for account, a, b, amount in self.entitled
                if a < until and b > since
            ),
        )

    def _second(self, at: datetime) -> int:
        return (at - self.origin) // timedelta(seconds=1)

    def _at(self, second: int) -> datetime:
        return self.origin + timedelta(seconds=second)

    def _held(self, stretches: Ints) -> Iterator[Held]:
        jobs = self.site.world.jobs
        rows = stretches[0]
        columns = (*stretches, jobs.width[rows], jobs.account[rows])
        for row, a, b, mode, width, account in zip(*(c.tolist() for c in columns), strict=True):
            key = self.keys[account]
            yield Held(
                start=self._at(a),
                end=self._at(b),
                accelerators=width,
                kind="lent" if mode == jr.LENT else "owner",
                allocation=None if mode == jr.LENT else key,
                project=key,
                key=f"{row}@{a}",
            )


def _stretches(world: sched.World) -> Ints:
    """Rows job, from, to, mode: those that ended, and those that still run."""
    ended = sched.segments(world)[:4]
    running = np.flatnonzero(np.isin(world.state.status, (jr.RUNNING, jr.LEAVING)))
    still = np.stack(
        [
            running,
            world.core.job[jr.SEGMENT, running],
            np.full(len(running), world.clock_s),
            world.state.mode[running],
        ]
    )
    both: Ints = np.concatenate([ended, still], axis=1)
    return both[:, both[2] > both[1]]


def _promised(site: Site) -> Iterator[tuple[int, int, int, int]]:
    """Account, from, to, accelerators: what the bindings said."""
    now: dict[int, tuple[int, int]] = {}
    end_s = site.world.clock_s
    for at_s, account, amount in [
        *site.entitlements,
        *((end_s, a, 0) for a in range(len(site.projects))),
    ]:
        since, before = now.get(account, (at_s, 0))
        if before and since < at_s:
            yield account, since, at_s, before
        now[account] = (at_s, amount)


def _beyond(site: Site, stretches: Ints) -> Iterator[tuple[int, int, int, int]]:
    """Account, from, to, accelerators: what ran under a guarantee beyond what was promised."""
    jobs = site.world.jobs
    job, since, until, _mode = stretches[:, stretches[3] != jr.LENT]
    promises = np.array([*_promised(site)], np.int64).reshape(-1, 4).T
    account = np.concatenate([jobs.account[job], jobs.account[job], promises[0], promises[0]])
    at = np.concatenate([since, until, promises[1], promises[2]])
    width = jobs.width[job]
    by = np.concatenate([width, -width, -promises[3], promises[3]])
    order = np.lexsort((at, account))
    account, at, excess = account[order], at[order], np.cumsum(by[order])
    last = np.flatnonzero((account[1:] == account[:-1]) & (at[1:] > at[:-1]) & (excess[:-1] > 0))
    for place in last.tolist():
        yield int(account[place]), int(at[place]), int(at[place + 1]), int(excess[place])
