"""Which policy a study speaks for, and which others it cannot tell from that one.

- Guarantees are kept where at most one guaranteed start in a hundred is late: the p99 is within the
  take-back bound.
- Of the policies that keep them: those within one percentage point of the most useful work; of
  these the one with the shortest mean wait.
- As good as that one is whose wait differs from it by less than the seeds do: Student's 95 % of the
  differences seed by seed. One seed tells nobody apart.
- Of the equally good: the default, or else the one that the list of policies has first. Each adds a
  rule to those before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dure.twin.compare import half_width
from dure.twin.policies import DEFAULT, POLICIES
from dure.twin.study import Study

KEPT: Final = 1 / 100
ALIKE: Final = 0.01
"""Less than what seeds differ by in the shipped scenario; our choice."""


@dataclass(frozen=True, slots=True)
class Advice:
    """`policy`: None where none keeps the guarantees. `as_good`: the others, as they are listed."""

    policy: str | None
    as_good: tuple[str, ...] = ()


def advice_of(study: Study) -> Advice:
    """What to choose, by the rule above."""
    kept = [policy for policy in study.comparison.policies if late(study, policy) <= KEPT]
    useful = {policy: _mean(study, "useful_occupancy", policy) for policy in kept}
    close = [policy for policy in kept if useful[policy] >= max(useful.values()) - ALIKE]
    if not close:
        return Advice(None)
    best = min(close, key=lambda policy: _mean(study, "wait_mean_h", policy))
    good = {policy for policy in close if policy == best or not _differs(study, policy, best)}
    chosen = DEFAULT if DEFAULT in good else next(one for one in POLICIES if one in good)
    return Advice(chosen, tuple(one for one in POLICIES if one in good and one != chosen))


def late(study: Study, policy: str) -> float:
    """The share of guaranteed starts that were late, over all seeds."""
    plays = [one for one in study.metrics if one.policy == policy]
    starts = sum(one.guaranteed_starts for one in plays)
    return sum(one.guarantee_misses for one in plays) / max(1, starts)


def _mean(study: Study, metric: str, policy: str) -> float:
    return study.comparison.figures[metric][policy].mean or 0.0


def _differs(study: Study, policy: str, best: str) -> bool:
    """Whether the seeds say that the policy's waits are longer."""
    waits = {(one.policy, one.seed): one.wait_mean_h or 0.0 for one in study.metrics}
    apart = [waits[policy, seed] - waits[best, seed] for seed in study.comparison.seeds]
    within = half_width(apart)
    return within is not None and sum(apart) / len(apart) > within
