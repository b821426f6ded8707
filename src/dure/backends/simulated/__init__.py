"""A cluster that is not there: the same contract, driven by `advance`."""

from dure.backends.simulated.backend import SimulatedBackend, SimulatedPool, sleep_seconds
from dure.backends.simulated.profiles import Activity

__all__ = ["Activity", "SimulatedBackend", "SimulatedPool", "sleep_seconds"]
