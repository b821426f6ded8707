"""Registration numbers of organisations, compared without hyphens and spaces.

- Korea's business number has 10 digits (NNN-NN-NNNNN), its corporation number 13 (NNNNNN-NNNNNNN);
  the last digit of each checks the others, so most slips of the pen are seen.
- Numbers of other forms are kept as they are: other countries have other rules.
"""

from __future__ import annotations

import re
from typing import Final

_BUSINESS: Final = re.compile(r"\d{3}-\d{2}-\d{5}|\d{10}")
_CORPORATION: Final = re.compile(r"\d{6}-\d{7}|\d{13}")

# National Tax Service; Rule on the registration numbers of corporations, art. 3.
_BUSINESS_WEIGHTS: Final = (1, 3, 7, 1, 3, 7, 1, 3, 5)
_CORPORATION_WEIGHTS: Final = (1, 2) * 6


def comparable(written: str) -> str:
    """What two spellings of one number share; empty for no number."""
    return "".join(sign for sign in written.casefold() if sign.isalnum())


def standard(written: str) -> str:
    """The one spelling that is kept: a Korean number with its hyphens, any other one as it is."""
    text = re.sub(r"\s", "", written)
    digits = text.replace("-", "")
    if text.isascii() and _BUSINESS.fullmatch(text):
        return f"{digits[:3]}-{digits[3:5]}-{digits[5:]}"
    if text.isascii() and _CORPORATION.fullmatch(text):
        return f"{digits[:6]}-{digits[6:]}"
    return written.strip()


def is_wrong(written: str) -> bool:
    """Whether it has the form of a Korean number and its check digit is not right."""
    text = re.sub(r"\s", "", written)
    digits = [int(digit) for digit in re.sub(r"\D", "", text)] if text.isascii() else []
    if _BUSINESS.fullmatch(text) and digits:
        return digits[-1] != _business_check(digits)
    if _CORPORATION.fullmatch(text) and digits:
        weighted = zip(digits, _CORPORATION_WEIGHTS, strict=False)
        return digits[-1] != -sum(digit * weight for digit, weight in weighted) % 10
    return False


def _business_check(digits: list[int]) -> int:
    weighted = sum(d * w for d, w in zip(digits, _BUSINESS_WEIGHTS, strict=False))
    return -(weighted + digits[8] * 5 // 10) % 10
