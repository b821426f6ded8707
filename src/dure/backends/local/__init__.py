"""A real engine for one machine: one slot per accelerator, gangs of real processes."""

from dure.backends.local.backend import LocalBackend, StateDirectoryInUse

__all__ = ["LocalBackend", "StateDirectoryInUse"]
