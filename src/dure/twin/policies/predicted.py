"""As least-lost, and each queue is served by predicted duration, shortest first.

- The prediction is the mean of the user's last two jobs that could have ended by the submission
  (Tsafrir, Etsion and Feitelson, TPDS 2007); without one, the mean of all that had.
- Only what was known at the submission counts: a job that could have ended at the earliest.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import replace
from typing import Final

import numpy as np

from dure.twin.policies import least_lost
from dure.twin.policies.facts import Ints
from dure.vocabulary.marking import gettext_noop as _

_UNKNOWN_S: Final = 3600
"""For the first job of all; any figure does."""


def predicted_s(submit_s: Ints, work_s: Ints, user: Ints) -> Ints:
    """What each job would have been expected to take when it was submitted."""
    last: defaultdict[int, tuple[int, int]] = defaultdict(lambda: (-1, -1))
    running: list[tuple[int, int, int]] = []
    total = count = 0
    expected = np.empty_like(work_s)
    rows = zip(submit_s.tolist(), work_s.tolist(), user.tolist(), strict=True)
    for place, (at, work, who) in enumerate(rows):
        while running and running[0][0] <= at:
            _, ended, took = heapq.heappop(running)
            last[ended] = (took, last[ended][0])
            total, count = total + took, count + 1
        one, two = last[who]
        if one < 0:
            expected[place] = total // count if count else _UNKNOWN_S
        else:
            expected[place] = one if two < 0 else (one + two) // 2
        heapq.heappush(running, (at + work, who, work))
    return expected


POLICY: Final = replace(
    least_lost.POLICY,
    label=_("Pool, shortest predicted first"),
    says=_(
        "As least work lost; and each project's jobs start by predicted duration, shortest first."
    ),
    order=predicted_s,
)
