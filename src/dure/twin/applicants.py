"""Who applies for the later rounds: drawn from the seed, the same under every policy.

- A round is held on the first day and every so many months after it; its applicants apply that day.
- Each asks for servers of one pool, drawn in proportion to the pools' servers, and never for more
  than the pool has.
- A project works for the term that it asked for, from the day it applies on, whether it is served
  at once, later or never: the work of a play must not hang on what is decided in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

import numpy as np

from dure.twin.policies.facts import Ints
from dure.twin.project import DAY_S, MONTH_S, Project
from dure.twin.scenario import Rounds, SitePool

_LEAST_SCORE: Final = 600
_MOST_SCORE: Final = 1000
"""Tenths of points between 60, a usual pass mark, and 100, all alike: ours; only the order counts
where rank is strict."""


def round_days(rounds: Rounds, days: int) -> range:
    """The seconds of the play at which rounds are held."""
    return range(0, days * DAY_S, rounds.every_months * MONTH_S)


def applicants(
    rounds: Rounds, pools: Sequence[SitePool], *, days: int, seed: int
) -> Iterator[Project]:
    """Everybody who will apply, in the order of the rounds."""
    rng = np.random.default_rng([seed, 4])
    for number, at_s in enumerate(round_days(rounds, days)):
        yield from _of_round(rounds, pools, f"r{number:03d}", at_s, rng)


def _of_round(
    rounds: Rounds, pools: Sequence[SitePool], name: str, at_s: int, rng: np.random.Generator
) -> Iterator[Project]:
    count = rounds.applications
    sizes = np.array([pool.servers for pool in pools], float)
    home = rng.choice(len(pools), count, p=sizes / sizes.sum()).tolist()
    servers = _drawn(rounds.servers, count, rng).tolist()
    months = _drawn(rounds.months, count, rng).tolist()
    score = rng.integers(_LEAST_SCORE, _MOST_SCORE + 1, count).tolist()
    half = (rng.random(count) < float(rounds.reducible)).tolist()
    for k in range(count):
        asked = min(servers[k], pools[home[k]].servers)
        yield Project(
            key=f"{name}.a{k + 1:03d}", pool=home[k], servers=0, asked=asked,
            minimum=-(-asked // 2) if half[k] else asked, months=months[k],
            from_s=0, until_s=0, applies_s=at_s, score=Fraction(score[k], 10),
        )  # fmt: skip


def _drawn(odds: dict[int, int], count: int, rng: np.random.Generator) -> Ints:
    values, weights = np.array(list(odds), np.int64), np.array(list(odds.values()), float)
    drawn: Ints = rng.choice(values, count, p=weights / weights.sum())
    return drawn
