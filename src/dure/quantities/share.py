"""A share of a whole: an exact fraction from 0 to 1, written 12 %, 0.12 or 3/25 in files."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final, Self

_WRITTEN: Final = re.compile(
    r"[+-]?(\d+/\d+|(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?)", re.ASCII | re.IGNORECASE
)
"""What `Fraction` reads, less exponents that take minutes to write out: a float has at most 3."""


class ShareOutOfRangeError(ValueError):
    """Not between nothing and all."""


class Share(Fraction):
    """An exact fraction in [0, 1]."""

    def __new__(cls, value: int | str | Fraction) -> Self:
        exact = Fraction(value)
        share = super().__new__(cls, exact.numerator, exact.denominator)
        if not 0 <= share <= 1:
            msg = f"a share lies between 0 and 1, not {Fraction(share)}"
            raise ShareOutOfRangeError(msg)
        return share

    @classmethod
    def parse(cls, written: str | float) -> Share:
        """Reads `0.12`, `"12%"` or `"3/25"` exactly (a float through its shortest decimal)."""
        text = str(written).strip()
        number = text.removesuffix("%").strip()
        if not _WRITTEN.fullmatch(number):
            msg = f"not a share: {text[:50]}"
            raise ValueError(msg)
        return cls(Fraction(number) / 100 if text.endswith("%") else number)
