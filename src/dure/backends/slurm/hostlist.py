"""Slurm's short form of many node names: `n[1-3,8],login` is n1, n2, n3, n8 and login.

- Numbers keep the width they are written with: `n[08-10]` is n08, n09, n10.
- Several brackets multiply: `r[1-2]n[1-2]` is four nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Final

_NOTHING: Final = frozenset({"", "(null)", "None assigned", "none", "None"})
"""What stands where there are no nodes."""
_PART: Final = re.compile(r"\[([^\]]*)\]")
_BETWEEN: Final = re.compile(r",(?![^\[]*\])")
"""A comma outside brackets."""


def expand(short: str) -> tuple[str, ...]:
    """All names, in the order they are written."""
    text = short.strip()
    if text in _NOTHING:
        return ()
    return tuple(name for one in _BETWEEN.split(text) for name in _names(one))


def _names(one: str) -> Iterator[str]:
    pieces = _PART.split(one)
    choices = [list(_numbers(piece)) if at % 2 else [piece] for at, piece in enumerate(pieces)]
    return ("".join(chosen) for chosen in product(*choices))


def _numbers(ranges: str) -> Iterator[str]:
    for part in ranges.split(","):
        first, dash, last = part.partition("-")
        if not dash:
            yield first
            continue
        for number in range(int(first), int(last) + 1):
            yield f"{number:0{len(first)}d}"
