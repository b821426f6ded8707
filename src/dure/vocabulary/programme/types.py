"""The small types programme files are written in."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints

from dure.quantities import Share, ShareOutOfRangeError

Key = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", min_length=1, max_length=64)
]
"""A short stable id: letters, digits, `.`, `_`, `-`. Other parts of the file refer to it."""


def _exact(written: object) -> object:
    if isinstance(written, bool) or not isinstance(written, str | int | float | Decimal | Fraction):
        raise ValueError("write a number such as 0.8, 2 or 3/25")
    try:
        return Fraction(str(written).strip())
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError("write a number such as 0.8, 2 or 3/25") from error


def _share(written: object) -> object:
    if isinstance(written, bool) or not isinstance(written, str | int | float | Decimal | Fraction):
        raise ValueError("write a share such as 0.2, 20% or 1/5")
    try:
        return Share.parse(str(written))
    except ShareOutOfRangeError:
        raise
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError("write a share such as 0.2, 20% or 1/5") from error


_as_text = PlainSerializer(str, return_type=str)

Exact = Annotated[Fraction, BeforeValidator(_exact), _as_text]
"""An exact number; floats are read through their shortest decimal, so 0.1 is one tenth."""

Portion = Annotated[Fraction, BeforeValidator(_share), Field(ge=0, le=1), _as_text]
"""An exact share from 0 to 1."""
