"""When jobs of some sizes would start, asked of the engine now and then, said with the inventory.

- Asked only where the answer is not plain: what is idle starts at once.
- At most every EVERY, for few sizes: each costs the engine's scheduler a look at its queue.
- An engine that cannot say, or does not answer, says none: nobody makes a time up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Protocol, runtime_checkable

from dure.agent.asking import asked
from dure.backends.contract import Backend, EstimatesStarts
from dure.protocol import PoolInventory, StartEstimate

EVERY: Final = timedelta(seconds=60)
"""Slurm's own estimates come from its backfill, which looks every 30 s by default."""

SIZES: Final = (1, 4, 8, 16, 32, 64, 128)
"""Parts of a node, nodes, and gangs that most clusters see (our choice)."""


@runtime_checkable
class _Estimates(EstimatesStarts, Protocol):
    """An engine that can say."""


class StartEstimates:
    """The last answers, by pool. Its calls come from one thread."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend if isinstance(backend, _Estimates) else None
        self._known: dict[str, tuple[StartEstimate, ...]] = {}
        self._asked_at: datetime | None = None

    def added(
        self, inventory: tuple[PoolInventory, ...], now: datetime, problems: list[str]
    ) -> tuple[PoolInventory, ...]:
        """The inventory with what is known; what went wrong joins the problems.

        May take a second for each size.
        """
        if self._backend is None:
            return inventory
        if self._asked_at is None or abs(now - self._asked_at) >= EVERY:
            self._asked_at = now
            self._known = {one.pool: self._ask(one, problems) for one in inventory}
        return tuple(
            one.model_copy(update={"starts": self._known.get(one.pool, ())}) for one in inventory
        )

    def _ask(self, pool: PoolInventory, problems: list[str]) -> tuple[StartEstimate, ...]:
        backend, sizes = self._backend, tuple(_open_sizes(pool))
        if backend is None or not sizes:
            return ()
        about = f"starts on {pool.pool}"
        return asked(about, lambda: backend.starts(pool.pool, sizes), problems) or ()


def _open_sizes(pool: PoolInventory) -> Iterator[int]:
    """The sizes that are in the pool and not idle there now."""
    held = (pool.owner_accelerators, pool.lent_accelerators)
    idle = 0 if None in held else pool.accelerators - sum(one or 0 for one in held)
    for size in SIZES:
        if idle < size <= pool.accelerators:
            yield size
