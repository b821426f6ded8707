"""The ways to serve each request as arrays: a model, a start, and how many servers are wanted.

- Pools of one model are taken together; a way is there if one of them alone has room for it.
- In the order of place, so that the columns of a request stand side by side.
- `bound` numbers the sets of limits that requests are under; most requests share one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dure.engine.allocation.facts import Wish
from dure.engine.allocation.fill import room_for
from dure.engine.allocation.limits import Limit, Round

Index = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Columns:
    """One element a way in every array; `merit` and `servers` multiply to what it brings."""

    request: Index
    wish: Index
    model: Index
    bound: Index
    start: Index
    end: Index
    servers: Index
    blocks: Index
    merit: Index
    first: Index
    """Where each request's columns begin; requests without any are left out."""
    models: tuple[str, ...]
    bounds: tuple[tuple[str, tuple[Limit, ...]], ...]

    @property
    def worth(self) -> Index:
        """The merit of each way."""
        return self.merit * self.servers

    def best(self, values: Index) -> Index:
        """The largest value of each request's columns."""
        found: Index = np.maximum.reduceat(values, self.first)
        return found

    def each(self, by_request: Index) -> Index:
        """A value for each request, repeated for each of its columns."""
        sizes = np.diff(np.append(self.first, len(self.request)))
        repeated: Index = np.repeat(by_request, sizes)
        return repeated


def columns_of(round_: Round) -> Columns:
    """All ways that would fit if nobody else were served."""
    models = {model: n for n, model in enumerate(round_.by_model)}
    bounds: dict[tuple[str, tuple[Limit, ...]], int] = {}
    empty = round_.room({})
    rows: list[Index] = []
    for place, request in enumerate(round_.requests):
        for number, wish in enumerate(request.wishes):
            if wish.model not in models:
                continue
            most = np.minimum(room_for(request, wish, round_, empty).max(axis=0), wish.servers)
            starts = np.flatnonzero(most >= wish.minimum)
            if not len(starts):
                continue
            key = (wish.model, round_.bound(request, wish.model))
            fixed = (
                place,
                number,
                models[wish.model],
                bounds.setdefault(key, len(bounds)),
                0,
                request.merit(wish),
            )
            block = np.empty((9, len(starts)), dtype=np.int64)
            block[:6] = np.array(fixed, dtype=np.int64)[:, None]
            block[6] = starts + request.earliest
            block[7] = block[6] + request.months
            block[8] = most[starts]
            if request.contiguity == "blocks":
                block[4] = [_blocks(wish, servers, round_) for servers in block[8].tolist()]
            rows.append(block)
    table = np.concatenate(rows, axis=1) if rows else np.empty((9, 0), dtype=np.int64)
    request = table[0]
    return Columns(
        request=request,
        wish=table[1],
        model=table[2],
        bound=table[3],
        blocks=table[4],
        merit=table[5],
        start=table[6],
        end=table[7],
        servers=table[8],
        first=np.flatnonzero(np.diff(request, prepend=-1)),
        models=tuple(models),
        bounds=tuple(bounds),
    )


def _blocks(wish: Wish, servers: int, round_: Round) -> int:
    """Whole blocks of a way: the most of which every part that may be given takes its share."""
    size = max(offer.block_servers for offer in round_.by_model[wish.model])
    return min(-(-part // size) * servers // part for part in range(wish.minimum, servers + 1))
