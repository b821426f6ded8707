"""The ports of a lab, all on loopback.

- Labs that start at the same time do not choose the same ones: a lab claims its ports until its
  daemons listen there. A claim ends with the process that holds it.
- A lab that was ended starts again where it was.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple

_FIRST: Final = 12_000
_LAST: Final = 32_000
"""Below the range that Linux hands to outgoing connections."""
_STEP: Final = 128
"""What a lab of up to 28 nodes needs; a larger one takes several in a row."""
_NODES: Final = 100
"""slurmd ports begin so far above the controller's."""


class NoPortsFree(OSError):
    """Other programs hold too many of them."""


class Ports(NamedTuple):
    """The ports of one lab."""

    base: int

    @property
    def controller(self) -> int:
        return self.base

    @property
    def database(self) -> int:
        return self.base + 1

    def node(self, number: int) -> int:
        return self.base + _NODES + number


@contextmanager
def claimed(nodes: int) -> Iterator[Ports]:
    """The first ports in a row that nobody uses or claims. Raises NoPortsFree."""
    wide = math.ceil((_NODES + nodes) / _STEP) * _STEP
    for base in range(_FIRST, _LAST - wide, _STEP):
        with ExitStack() as claims:
            ports = Ports(base)
            if _claim(ports, wide, claims) and _all_free(ports, nodes):
                yield ports
                return
    msg = f"no {wide} free ports in a row from {_FIRST} to {_LAST}"
    raise NoPortsFree(msg)


def _claim(ports: Ports, wide: int, claims: ExitStack) -> bool:
    """A socket in Linux's abstract names is there once, and leaves with its process."""
    for start in range(ports.base, ports.base + wide, _STEP):
        held = claims.enter_context(socket.socket(socket.AF_UNIX))
        try:
            held.bind(f"\0dure-slurm-lab-{start}")
        except OSError:
            return False
    return True


def _all_free(ports: Ports, nodes: int) -> bool:
    wanted = (ports.controller, ports.database, *map(ports.node, range(nodes)))
    return all(map(_is_free, wanted))


def _is_free(port: int) -> bool:
    with socket.socket() as asked:
        try:
            asked.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
