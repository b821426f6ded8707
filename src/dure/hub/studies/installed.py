"""Whether this installation can play studies: the twin is an extra, and a sibling of the hub."""

from __future__ import annotations

import importlib.util
from typing import Final

NEEDED: Final = ("numba", "numpy", "ortools", "pyarrow", "matplotlib")
"""What `dure twin` asks for before it plays; a test holds the two together."""

COMMAND: Final = "pip install 'dure[twin]'"


def missing() -> tuple[str, ...]:
    """The packages that are not here; nothing is imported to find out."""
    return tuple(name for name in NEEDED if importlib.util.find_spec(name) is None)
