"""How often a wrong password may be tried.

- Counted by name and address together, so that a stranger elsewhere does not lock a person out; and
  by name alone with a higher bound, against trying from many addresses. A window starts with the
  first wrong try; a right one ends the count of its name and address.
- Not by address alone: behind a proxy everybody may have the same.
- Kept in the process's cache: several workers each count for themselves, and a restart forgets.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from django.core.cache import caches

WINDOW_S: Final = 15 * 60
BY_NAME_AND_ADDRESS: Final = 5
BY_NAME: Final = 50
"""Our choice: slower than any guessing of an eight-letter password, and a cup of coffee's wait for
who has forgotten theirs (OWASP, Authentication Cheat Sheet, 2024, asks for such a bound)."""


def is_reached(*, name: str, address: str) -> bool:
    """Whether another try is refused now, right or wrong."""
    counts = caches["sign-in"]
    return any(counts.get(key, 0) >= most for key, most in _bounds(name, address))


def failed(*, name: str, address: str) -> None:
    """A wrong password was tried."""
    counts = caches["sign-in"]
    for key, _ in _bounds(name, address):
        try:
            counts.incr(key)
        except ValueError:  # the first, or the window has just ended
            counts.add(key, 1, timeout=WINDOW_S)


def succeeded(*, name: str, address: str) -> None:
    """The right one was: earlier slips of this person here count no longer."""
    caches["sign-in"].delete(_key(name, address))


def _bounds(name: str, address: str) -> Iterator[tuple[str, int]]:
    yield _key(name, address), BY_NAME_AND_ADDRESS
    yield _key(name, ""), BY_NAME


def _key(name: str, address: str) -> str:
    """Names hold what keys may not, and none is kept readable."""
    return sha256(f"{name.casefold()}\0{address}".encode()).hexdigest()
