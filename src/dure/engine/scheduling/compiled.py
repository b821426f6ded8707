"""How a kernel is compiled, and when what was compiled before may be used again.

- A kernel is a plain function over arrays: it runs uncompiled too, only slower.
- Only the outermost kernel is kept on disk. numba looks for changes in that one function alone; so
  the bytecode and the constants of all that it calls become part of its key: `stamp`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_OPTIONS: Final = {"error_model": "numpy", "_nrt": False}
"""No kernel divides by what may be zero, or makes an array: the checks and counts are spared."""

_PART: Final = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Only the outermost kernel is called from Python."""

_written: Final[list[str]] = []


def _write(function: Callable[..., Any]) -> None:
    code = function.__code__
    _written.append(f"{code.co_name} {code.co_code.hex()} {code.co_consts} {code.co_names}")


def compiled(function: Kernel) -> Kernel:
    """The function compiled as a part of the outermost kernel that calls it."""
    _write(function)
    return cast("Kernel", numba.njit(**_OPTIONS, **_PART)(function))


def inlined(function: Kernel) -> Kernel:
    """The same, where a call would cost more than what it does: it becomes part of its callers."""
    _write(function)
    return cast("Kernel", numba.njit(forceinline=True, **_OPTIONS, **_PART)(function))


def outermost(function: Kernel) -> Kernel:
    """The function compiled and kept on disk; it closes over its `stamp`."""
    return cast("Kernel", numba.njit(cache=True, **_OPTIONS)(function))


def stamp(*constants: ModuleType) -> str:
    """What changes whenever a kernel written so far, or a constant of these modules, does."""
    named = (
        f"{name}={value}"
        for module in constants
        for name, value in sorted(vars(module).items())
        if isinstance(value, int)
    )
    return hashlib.sha256("\n".join([str(_OPTIONS), *_written, *named]).encode()).hexdigest()
