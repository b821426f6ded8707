"""A month's account of one pool, beside the walk second by second that the tests hold it to.

- A pool of 255 servers of eight accelerators, March 2026: 25 allocations of eight servers, each
  server runs its owner's jobs one after the other; 54 servers run lent jobs; one is down for a day.
- The walk looks at each second by itself. It is done for ten seconds of the same month and agrees
  with the account of these; its cost for the month is EXTRAPOLATED from them, as every second
  costs it the same.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from bench.report import Result, at_most, compared, measure, show, write
from tests.properties.test_conservation import T0, at, one_second

from dure.metering.conservation import Down, Entitled, Held, PoolAccount, PoolFacts, account
from dure.quantities import Period

MONTH = Period(T0, datetime(2026, 4, 1, tzinfo=UTC))
SECONDS = round((MONTH.end - MONTH.start).total_seconds())
SERVERS, PER_SERVER = 255, 8
ALLOCATIONS, SERVERS_EACH = 25, 8
LENT_SERVERS = 54
SIZES = (10_000, 100_000)
BEGIN, WALKED = SECONDS // 3, 10
HOW = "make bench-account; median CPU of 3 runs; facts made before"


def month(segments: int) -> PoolFacts:
    """About so many segments: every busy server has one job after the other."""
    draw = Random(segments)
    owned = ALLOCATIONS * SERVERS_EACH
    lanes = owned + LENT_SERVERS
    held = [
        job
        for lane in range(lanes)
        for job in jobs(draw, lane, segments // lanes, owner=lane < owned)
    ]
    return PoolFacts(
        pool="h200",
        accelerators=SERVERS * PER_SERVER,
        own_accelerators=0,
        held=tuple(held),
        down=(Down(node="n255", start=at(0), end=at(86_400), accelerators=PER_SERVER),),
        entitled=tuple(
            Entitled(
                allocation=f"a{n}",
                start=MONTH.start,
                end=MONTH.end,
                accelerators=SERVERS_EACH * PER_SERVER,
            )
            for n in range(ALLOCATIONS)
        ),
    )


def jobs(draw: Random, lane: int, count: int, *, owner: bool) -> list[Held]:
    """Jobs of one server, each within its share of the month, at whole seconds."""
    share = SECONDS // count
    made = []
    for number in range(count):
        start = number * share + draw.randrange(share // 4)
        end = start + draw.randrange(share // 4, 3 * share // 4)
        made.append(
            Held(
                kind="owner" if owner else "lent",
                allocation=f"a{lane // SERVERS_EACH}" if owner else None,
                project=f"p{lane // SERVERS_EACH}",
                key=f"{lane}-{number}",
                accelerators=PER_SERVER,
                start=MONTH.start + timedelta(seconds=start),
                end=MONTH.start + timedelta(seconds=end),
            )
        )
    return made


def walk(facts: PoolFacts) -> Counter[str]:
    """The tests' twin over a few seconds."""
    sums: Counter[str] = Counter()
    for second in range(BEGIN, BEGIN + WALKED):
        sums.update(one_second(facts, second))
    return sums


def unaccounted(facts: PoolFacts, counted: PoolAccount) -> int:
    return abs(facts.accelerators * SECONDS - counted.split.total)


def main() -> None:
    rows: list[tuple[object, ...]] = []
    results: list[Result] = []
    for size in SIZES:
        facts = month(size)
        counted, spent = measure(partial(account, facts, MONTH), repeats=3)
        walked, twin = measure(partial(walk, facts), repeats=1)
        few = account(facts, Period(at(BEGIN), at(BEGIN + WALKED))).split.model_dump()
        wrong = sum(abs(few[name] - walked[name]) for name in few)
        twin_s = twin.cpu_s / WALKED * SECONDS
        per_segment_us = 1e6 * spent.cpu_s / len(facts.held)
        rows.append((len(facts.held), spent.cpu_s, per_segment_us, twin.cpu_s, twin_s / 3600))
        results += [
            at_most(
                f"accelerator-seconds of the month in none of the six, {size:,} segments",
                unaccounted(facts, counted),
                "accelerator-seconds",
                bound=0,
                how=HOW,
            ),
            at_most(
                f"difference from the walk over {WALKED} seconds, {size:,} segments",
                wrong,
                "accelerator-seconds",
                bound=0,
                how=HOW,
            ),
            compared(f"the account of a month, {size:,} segments", spent.cpu_s, "CPU s", how=HOW),
            compared(
                f"the walk's CPU over the account's, {size:,} segments",
                twin_s / spent.cpu_s,
                "times",
                how=f"{HOW}; the walk EXTRAPOLATED from {WALKED} seconds to the month",
            ),
        ]
    show(
        "One month of one pool of 2,040 accelerators",
        (
            "segments",
            "account CPU s",
            "us a segment",
            f"walk of {WALKED} s, CPU s",
            "walk of the month, CPU h (extrapolated)",
        ),
        rows,
    )
    write("account", results)


if __name__ == "__main__":
    main()
