"""Sets of nodes, 64 to a number: bit b of word w is node 64 w + b."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.cpython.unsafe import numbers
from numba.extending import intrinsic

from dure.engine.scheduling.compiled import compiled, inlined


@intrinsic  # type: ignore[untyped-decorator]
def _ones(_typing: Any, _word: Any) -> Any:
    def lower(_context: Any, builder: Any, _of: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.int64), lower


@inlined
def count(word: int) -> int:
    """How many nodes the word has."""
    return int(_ones(word))


@inlined
def first(word: int) -> int:
    """The lowest bit of a word that has one."""
    return int(numbers.trailing_zeros(word))


@inlined
def last(word: int) -> int:
    """The highest bit of a word that has one."""
    return 63 - int(numbers.leading_zeros(word))


@compiled
def lowest(word: int, most: int) -> int:
    """The lowest nodes of the word, so many of them."""
    rest = word
    for _ in range(most):
        rest &= rest - 1
    return word ^ rest
