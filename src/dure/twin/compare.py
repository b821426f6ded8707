"""Policies side by side: means over seeds, and differences with their uncertainty.

- The same seed brings the same jobs and failures to every policy, so differences are taken seed by
  seed; what is common to both falls out.
- The interval is Student's, 95 %, of the mean difference. With one seed there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Final

from dure.twin.figures import ROWS
from dure.twin.metrics import Metrics
from dure.vocabulary.frozen import Frozen

# Student's t, 97.5 %, by degrees of freedom (any table of it); beyond, that of 30 is safe.
_T: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
)  # fmt: skip

COMPARED: Final = tuple(metric for metric, _label, _form in ROWS)


class Figure(Frozen):
    """One metric of one policy. `difference` is to the first policy; `within` either way of it."""

    mean: float | None
    low: float | None
    high: float | None
    difference: float | None = None
    within: float | None = None


class Comparison(Frozen):
    """`figures`: metric -> policy -> figure. `policies` in the order of the scenario."""

    policies: tuple[str, ...]
    seeds: tuple[int, ...]
    figures: dict[str, dict[str, Figure]]


def compare(found: Iterable[Metrics]) -> Comparison:
    """What the plays of all policies and seeds come to; the first policy is the reference."""
    by_policy: dict[str, dict[int, Metrics]] = {}
    for one in found:
        by_policy.setdefault(one.policy, {})[one.seed] = one
    policies = tuple(by_policy)
    seeds = tuple(by_policy[policies[0]])
    return Comparison(
        policies=policies,
        seeds=seeds,
        figures={
            name: {
                policy: _figure(
                    [getattr(by_policy[policy][seed], name) for seed in seeds],
                    [getattr(by_policy[policies[0]][seed], name) for seed in seeds],
                    reference=policy == policies[0],
                )
                for policy in policies
            }
            for name in COMPARED
        },
    )


def _figure(
    values: Sequence[float | None], base: Sequence[float | None], *, reference: bool
) -> Figure:
    known = [float(value) for value in values if value is not None]
    if not known:
        return Figure(mean=None, low=None, high=None)
    apart = [a - b for a, b in zip(values, base, strict=True) if a is not None and b is not None]
    shown = apart and not reference
    return Figure(
        mean=fmean(known),
        low=min(known),
        high=max(known),
        difference=fmean(apart) if shown else None,
        within=half_width(apart) if shown else None,
    )


def half_width(values: Sequence[float]) -> float | None:
    """Of the 95 % interval of their mean; None for a single value."""
    if len(values) < 2:  # noqa: PLR2004 - one value has no spread
        return None
    freedom = min(len(values) - 1, len(_T))
    return _T[freedom - 1] * stdev(values) / sqrt(len(values))
