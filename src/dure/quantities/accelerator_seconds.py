"""The one unit of use: one accelerator held for one second.

- Whole numbers only: a month of 13,136 accelerators is 3.5e10 of them, and a sum of floats
  would lose the last ones and with them the conservation check.
- Adding it to a bare number is a type error: that bare number was servers, hours or cards.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, order=True, slots=True)
class AcceleratorSeconds:
    """A signed whole number of accelerator-seconds (negative in one leg of a ledger entry)."""

    value: int

    @classmethod
    def of(cls, *, accelerators: int, seconds: int) -> AcceleratorSeconds:
        """`accelerators` devices held for `seconds` seconds."""
        return cls(accelerators * seconds)

    def __post_init__(self) -> None:
        if type(self.value) is not int:
            msg = f"accelerator-seconds are whole numbers, not {type(self.value).__name__}"
            raise TypeError(msg)

    def __add__(self, other: AcceleratorSeconds) -> AcceleratorSeconds:
        return AcceleratorSeconds(self.value + other.value)

    def __sub__(self, other: AcceleratorSeconds) -> AcceleratorSeconds:
        return AcceleratorSeconds(self.value - other.value)

    def __neg__(self) -> AcceleratorSeconds:
        return AcceleratorSeconds(-self.value)

    def __bool__(self) -> bool:
        return self.value != 0

    def share_of(self, whole: AcceleratorSeconds) -> Fraction | None:
        """This as an exact part of `whole`; None where there is no whole (never zero use)."""
        return Fraction(self.value, whole.value) if whole.value else None

    @property
    def hours(self) -> Fraction:
        """Accelerator-hours, exact; round only where a person reads it."""
        return Fraction(self.value, SECONDS_PER_HOUR)
