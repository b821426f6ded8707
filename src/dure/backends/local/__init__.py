"""A real engine for one machine: one slot per accelerator, gangs of real processes."""

from dure.backends.exclusive import StateDirectoryInUse
from dure.backends.local.backend import LocalBackend

__all__ = ["LocalBackend", "StateDirectoryInUse"]
