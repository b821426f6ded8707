"""The small types programme files are written in."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints

from dure.quantities import Share, ShareOutOfRangeError

Key = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", min_length=1, max_length=64)
]
"""A short stable id: letters, digits, `.`, `_`, `-`. Other parts of the file refer to it."""


# Bounded digits: `1e999999999` is a number too, and reading it exactly takes all memory there is.
_NUMERAL: Final = re.compile(
    r"[+-]?\d{1,30}(\.\d{1,30})?(e[+-]?\d{1,2}|/\d{1,30}|\s*%)?", re.IGNORECASE
)


def _numeral(written: object) -> str:
    """What is written as a number, as text; anything else raises ValueError."""
    text = "" if isinstance(written, bool) else str(written).strip()
    if not _NUMERAL.fullmatch(text):
        raise ValueError("not a number")
    return text


def _exact(written: object) -> object:
    try:
        return Fraction(_numeral(written))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError("write a number such as 0.8, 2 or 3/25") from error


def _share(written: object) -> object:
    try:
        return Share.parse(_numeral(written))
    except ShareOutOfRangeError:
        raise
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError("write a share such as 0.2, 20% or 1/5") from error


_as_text = PlainSerializer(str, return_type=str)

Exact = Annotated[Fraction, BeforeValidator(_exact), _as_text]
"""An exact number; floats are read through their shortest decimal, so 0.1 is one tenth."""

Portion = Annotated[Fraction, BeforeValidator(_share), Field(ge=0, le=1), _as_text]
"""An exact share from 0 to 1."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        msg = f"{name!r} is not a time zone; write one such as Asia/Seoul"
        raise ValueError(msg) from error
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]
"""The name of a time zone of the IANA database."""
