"""How evenly the projects are served.

- Jain's index, and the least, of the share of its demand that each project was served.
- Finish-time fairness after Mahajan et al. (Themis, NSDI'20): time to finish beside time to finish
  alone. Alone is on an island of the project's own: the play of islands with the same seed. Of a
  project, all jobs together that finished in both plays; below 1 sharing is better for it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dure.twin.policies.facts import Floats, Ints
from dure.twin.run import Play


class Fairness(NamedTuple):
    """None: nothing to measure, or nobody was played alone."""

    jain: float | None
    least_served: float | None
    finish_mean: float | None
    finish_worst: float | None


def ends_of(play: Play) -> Ints:
    """When each of the play's jobs finished, in the order of its work; -1 never."""
    ends = np.full(len(play.work.width), -1, np.int64)
    for site in play.sites:
        ends[site.rows] = site.world.state.end_s
    return ends


def fairness(play: Play, alone: Ints | None) -> Fairness:
    """`alone`: when each job finished where its project was alone."""
    work = play.work
    left = np.zeros(len(work.width), np.int64)
    for site in play.sites:
        left[site.rows] = site.world.state.left_s
    asked = _by_project(play, work.work_s * work.width)
    served = _by_project(play, (work.work_s - left) * work.width)
    share = served[asked > 0] / asked[asked > 0]
    squares = float((share**2).sum())
    ratio = _ratios(play, alone) if alone is not None else share[:0]
    return Fairness(
        jain=float(share.sum() ** 2 / (len(share) * squares)) if squares else None,
        least_served=float(share.min()) if len(share) else None,
        finish_mean=float(ratio.mean()) if len(ratio) else None,
        finish_worst=float(ratio.max()) if len(ratio) else None,
    )


def _by_project(play: Play, amount: Ints) -> Floats:
    count = len(play.setting.projects)
    return np.bincount(play.work.project, weights=amount, minlength=count).astype(float)


def _ratios(play: Play, alone: Ints) -> Floats:
    """Of each project with jobs that finished in both plays."""
    ends = ends_of(play)
    both = (ends >= 0) & (alone >= 0)
    shared = _by_project(play, np.where(both, ends - play.work.submit_s, 0))
    single = _by_project(play, np.where(both, alone - play.work.submit_s, 0))
    ratios: Floats = shared[single > 0] / single[single > 0]
    return ratios
