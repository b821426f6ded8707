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


class _AsItIs:
    """numba's target as loading from disk needs it: before that it would make ready to compile."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def refresh(self) -> None:
        """Imports all that numba can compile, 0.3 CPU s: nothing that runs needs it."""


class Outermost:
    """A kernel that Python calls. On its first call it is loaded from disk, or else compiled."""

    def __init__(self, dispatcher: Any) -> None:
        self.dispatcher = dispatcher

    def __call__(self, *args: Any) -> Any:
        if not self.dispatcher.overloads:
            self._load(tuple(self.dispatcher.typeof_pyval(one) for one in args))
        return self.dispatcher(*args)

    def _load(self, types: tuple[Any, ...]) -> None:
        kept, target = self.dispatcher._cache, self.dispatcher.targetctx  # noqa: SLF001 - numba has no other door to it
        found = kept.load_overload(types, _AsItIs(target))
        if found is not None:
            self.dispatcher.add_overload(found)


def outermost(function: Kernel) -> Kernel:
    """The function compiled and kept on disk; it closes over its `stamp`."""
    return cast("Kernel", Outermost(numba.njit(cache=True, **_OPTIONS)(function)))


def stamp(*constants: ModuleType) -> str:
    """What changes whenever a kernel written so far, or a constant of these modules, does."""
    named = (
        f"{name}={value}"
        for module in constants
        for name, value in sorted(vars(module).items())
        if isinstance(value, int)
    )
    return hashlib.sha256("\n".join([str(_OPTIONS), *_written, *named]).encode()).hexdigest()
