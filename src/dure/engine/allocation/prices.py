"""What a server costs the others: the prices of capacity and of limits, month by month.

- Prices come from the linear relaxation (`relaxation`), in merit for one server in one month.
- The price of a stay is the sum of its months; a floor pays back what it wants filled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dure.engine.allocation.facts import Price, Request
from dure.engine.allocation.limits import Limit, Round

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prices:
    """`models`: per model and month. `limits`: per limit and month. `floors`: per limit."""

    round_: Round
    models: dict[str, Numbers]
    limits: dict[Limit, Numbers]
    floors: dict[Limit, float]
    _sums: dict[tuple[str, tuple[Limit, ...]], Numbers] = field(default_factory=dict)

    def of(self, request: Request, model: str) -> Numbers:
        """The price of one server for all the request's months, from each of its starts."""
        sums = self.summed(model, self.round_.bound(request, model))
        first, last = request.earliest, request.latest + 1
        return sums[first + request.months : last + request.months] - sums[first:last]

    def summed(self, model: str, bound: tuple[Limit, ...]) -> Numbers:
        """Prices added up from the first month to each."""
        key = (model, bound)
        if key not in self._sums:
            monthly = self.models[model].copy()
            for limit in bound:
                if limit in self.limits:
                    monthly += self.limits[limit]
                monthly -= self.floors.get(limit, 0.0)
            self._sums[key] = np.concatenate([[0.0], np.cumsum(monthly)])
        return self._sums[key]

    def said(self) -> tuple[Price, ...]:
        """The prices that are not nothing, capacity first."""
        return tuple(
            Price(kind=kind, name=name, month=month, merit=round(merit))
            for kind, name, month, merit in self._each()
            if round(merit) > 0
        )

    def _each(self) -> Iterator[tuple[str, str, int | None, float]]:
        for model, monthly in self.models.items():
            for month, merit in enumerate(monthly.tolist()):
                yield "pool", model, month, merit
        for limit, monthly in self.limits.items():
            for month, merit in enumerate(monthly.tolist()):
                yield limit.kind, limit.said, month, merit
        for limit, merit in self.floors.items():
            yield "floor", limit.said, None, merit
