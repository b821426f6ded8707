"""Whether any exchange of reviews would make an assignment cheaper.

- A flow is cheapest exactly when its residual graph has no negative cycle (Klein, 1967). Between
  reviewers that graph is small: whoever gives a review may pass it to whoever could take it, or
  hold one less while another holds one more.
- So a flow found over a few arcs is proven, or not, over all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]
    Table = npt.NDArray[np.bool_]

NEVER: Final = 2**62
"""The price of what cannot be done; sums of prices stay below it."""


def is_cheapest(taken: Table, may: Table, costs: Numbers, ends: tuple[Numbers, Numbers]) -> bool:
    """`ends`: what one more review of each reviewer costs, and what their last one cost."""
    import numpy as np  # noqa: PLC0415  # loaded where a plan is made

    steps = _steps(taken, may, costs, ends)
    distance = np.zeros(len(steps), dtype=np.int64)
    for _ in range(len(steps) + 1):
        shorter = np.minimum(distance, (distance[:, None] + steps).min(axis=0))
        if (shorter == distance).all():
            return True
        distance = shorter
    return False


def _steps(taken: Table, may: Table, costs: Numbers, ends: tuple[Numbers, Numbers]) -> Numbers:
    """The cheapest pass between each two reviewers; the last row and column are no one."""
    import numpy as np  # noqa: PLC0415  # likewise

    reviewers = taken.shape[1]
    steps = np.full((reviewers + 1, reviewers + 1), NEVER, dtype=np.int64)
    for giver in np.flatnonzero(taken.any(axis=0)):
        rows = np.flatnonzero(taken[:, giver])
        passed = costs[rows] - costs[rows, giver][:, None]
        possible = may[rows] & ~taken[rows]
        steps[giver, :reviewers] = np.where(possible, passed, NEVER).min(axis=0)
    more, last = ends
    steps[:reviewers, reviewers] = more
    steps[reviewers, :reviewers] = np.where(taken.any(axis=0), -last, NEVER)
    return steps
