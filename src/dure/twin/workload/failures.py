"""Nodes that fail and come back, by published rates.

- Each node fails by itself, at times without memory; a repair is log-normal, as repairs are.
- A few nodes may have most of the failures.
- Every failed node comes back, if need be after the last day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dure.twin.workload.fitting import DAY_S
from dure.twin.workload.refusals import Refusal
from dure.twin.workload.trace import Floats
from dure.vocabulary.marking import gettext_noop as _

if TYPE_CHECKING:
    from dure.engine.scheduling import NodeEvents

LLAMA3_PER_NODE_DAY: Final = 419 / (54 * 16_384 / 8)
"""Unexpected interruptions of a job on 16,384 H100 in 54 days, eight to a node: 0.0038.
"The Llama 3 Herd of Models", 2024, table 5."""

RSC_PER_NODE_DAY: Final = (24 / 7.9) / (1_024 / 8)
"""One failure in 7.9 hours of a job on 1,024 A100, eight to a node: 0.024.
"Revisiting Reliability in Large-Scale Machine Learning Research Clusters", HPCA 2025."""


class UnusableRate(Refusal):
    """A rate, repair or share that nothing can have; the message says which."""


@dataclass(frozen=True, slots=True)
class Repair:
    """How long a node is away. Equal figures: always so long."""

    median_s: float
    mean_s: float


@dataclass(frozen=True, slots=True)
class Lemons:
    """This share of the nodes has that share of the failures."""

    nodes: float
    failures: float


B200_LEMONS: Final = Lemons(nodes=3 / 63, failures=0.5)
"""Three of 63 nodes had over half of the exclusions in 73 days. arXiv 2605.09370, 2026."""


def failures(
    *,
    rate_per_node_day: float,
    repair: Repair,
    nodes: int,
    days: int,
    seed: int,
    lemons: Lemons | None = None,
) -> NodeEvents:
    """Failures before the end of the last day and their repairs, in the order of time."""
    from dure.engine.scheduling import NodeEvents  # noqa: PLC0415  # loads the compiler

    _check(rate_per_node_day, repair, lemons)
    rng = np.random.Generator(np.random.PCG64(seed))
    rates = _rates(rng, rate_per_node_day, nodes, lemons)
    end = days * DAY_S
    down, back, node = [], [], []
    clock = np.zeros(nodes)
    alive = np.flatnonzero(rates > 0)
    while len(alive):
        # at least a second up and a second down: one node's events are at different times
        with np.errstate(over="ignore"):  # a rate of next to nothing: never
            healthy = rng.standard_exponential(len(alive)) * DAY_S / rates[alive]
        fails = np.floor(clock[alive] + healthy) + 1
        repaired = fails + np.maximum(1, np.rint(_away(rng, repair, len(alive))))
        within = fails < end
        alive = alive[within]
        down.append(fails[within])
        back.append(repaired[within])
        node.append(alive)
        clock[alive] = repaired[within]
    none = np.zeros(0, np.int64)
    at = np.concatenate([none, *down, *back]).astype(np.int64)
    which = np.concatenate([none, *node, *node]).astype(np.int64)
    up = np.repeat(np.array([0, 1], np.int64), len(at) // 2)
    order = np.lexsort((which, at))
    return NodeEvents(at[order], which[order], up[order])


def _check(rate: float, repair: Repair, lemons: Lemons | None) -> None:
    if not 0 <= rate < math.inf:
        raise UnusableRate(_("failures a node and day: {rate} is not 0 or more"), rate=rate)
    if not 0 < repair.median_s <= repair.mean_s < math.inf:
        raise UnusableRate(
            _(
                "repair: the median must be more than 0 and at most the mean, "
                "not {median} and {mean}"
            ),
            median=repair.median_s,
            mean=repair.mean_s,
        )
    if lemons is not None and not 0 < lemons.nodes < 1 > lemons.failures >= 0:
        raise UnusableRate(
            _("shares of nodes and of their failures must lie between 0 and 1, not {one}, {other}"),
            one=lemons.nodes,
            other=lemons.failures,
        )


def _rates(rng: np.random.Generator, rate: float, nodes: int, lemons: Lemons | None) -> Floats:
    """By node; their mean is the rate."""
    bad = 0 if lemons is None else round(lemons.nodes * nodes)
    if lemons is None or not 0 < bad < nodes:
        return np.full(nodes, rate)
    rates = np.full(nodes, rate * nodes * (1 - lemons.failures) / (nodes - bad))
    rates[rng.permutation(nodes)[:bad]] = rate * nodes * lemons.failures / bad
    return rates


def _away(rng: np.random.Generator, repair: Repair, count: int) -> Floats:
    spread = math.sqrt(2 * math.log(repair.mean_s / repair.median_s))
    return rng.lognormal(math.log(repair.median_s), spread, count)
