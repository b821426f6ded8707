"""Money in whole minor units of one currency (KRW has none, so whole won).

- Two currencies never add up; the error names both.
- A rate is applied once, at the end, and rounded half up to the minor unit, as invoices are.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction


class CurrencyMismatchError(ValueError):
    """Two amounts of different currencies met in one sum."""


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` units of `currency` (ISO 4217)."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            msg = f"money is a whole number of minor units, not {type(self.minor).__name__}"
            raise TypeError(msg)

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            msg = f"cannot add {other.currency} to {self.currency}"
            raise CurrencyMismatchError(msg)
        return Money(self.minor + other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def times(self, factor: Fraction) -> Money:
        """This amount times an exact factor, rounded half up to the minor unit."""
        exact = self.minor * factor
        rounded = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(
            Decimal(1), rounding=ROUND_HALF_UP
        )
        return Money(int(rounded), self.currency)
