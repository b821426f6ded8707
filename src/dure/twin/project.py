"""One project of a play, and the twin's units of time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

DAY_S: Final = 86_400
MONTH_S: Final = 30 * DAY_S
"""A month of the twin: thirty days, wherever an allocation is counted in months."""


@dataclass(frozen=True, slots=True)
class Project:
    """One project at its pool. `servers` 0: it has nothing yet and asks for `asked`.

    `position`: it waits from the beginning, in this order. `applies_s`: it applies only then; None:
    it is there from the beginning. `score` is that of an applicant.
    """

    key: str
    pool: int
    servers: int
    asked: int
    minimum: int
    months: int
    from_s: int
    until_s: int
    position: int = 0
    applies_s: int | None = None
    score: Fraction = Fraction(0)

    def works(self, days: int) -> tuple[int, int]:
        """From when until when its jobs are submitted, in seconds of a play of so many days."""
        if self.applies_s is None:
            return 0, days * DAY_S
        return self.applies_s, min(days * DAY_S, self.applies_s + self.months * MONTH_S)
