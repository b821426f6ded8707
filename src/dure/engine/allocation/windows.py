"""The room left for whole terms: what is free in every month from a start on.

- A window is the months from a start on; its room is the least room of its months.
- Results are kept: of thousands of requests most ask for the same model, term and limits.
- Columns are starts from 0; rows are the pools of one model, in the order of their names.
"""

from __future__ import annotations

import numpy as np

from dure.engine.allocation.facts import Request
from dure.engine.allocation.limits import Limit, Room, Round, Whole


class Windows:
    """The windows of one `Room`, which must not change any more."""

    def __init__(self, round_: Round, room: Room) -> None:
        self._round = round_
        self._room = room
        self._servers: dict[tuple[str, int], Whole] = {}
        self._blocks: dict[tuple[str, int], Whole] = {}
        self._caps: dict[int, Whole] = {}
        self._fitting: dict[tuple[str, int, bool, tuple[int, ...]], Whole] = {}
        self._best: dict[tuple[str, str], int] = {}
        self._under: dict[tuple[str, str], tuple[int, ...]] = {}

    def servers(self, model: str, months: int) -> Whole:
        """Servers left in the pools of the model."""
        key = (model, months)
        if key not in self._servers:
            self._servers[key] = _least(self._room.servers[self._round.rows_of(model)], months)
        return self._servers[key]

    def in_blocks(self, model: str, months: int) -> Whole:
        """Servers that the whole blocks left would hold."""
        key = (model, months)
        if key not in self._blocks:
            sizes = [offer.block_servers for offer in self._round.by_model[model]]
            whole = _least(self._room.blocks[self._round.rows_of(model)], months)
            self._blocks[key] = whole * np.array(sizes, dtype=np.int64)[:, None]
        return self._blocks[key]

    def cap(self, limit: Limit, months: int) -> Whole:
        """Servers left under one cap; one row."""
        if months not in self._caps:
            self._caps[months] = _least(self._room.most, months)
        row: Whole = self._caps[months][limit.index]
        return row

    def fitting(self, request: Request, model: str, months: int, *, blocks: bool) -> Whole:
        """The most servers that the request could take, were its term and contiguity these."""
        caps = self._caps_over(request, model)
        key = (model, months, blocks, caps)
        if key not in self._fitting:
            room = self.servers(model, months)
            if blocks:
                room = np.minimum(room, self.in_blocks(model, months))
            for index in caps:
                room = np.minimum(room, self.cap(self._round.limits[index], months))
            self._fitting[key] = room
        return self._fitting[key]

    def best(self, request: Request, model: str) -> int:
        """The most servers that the request could take in any one month: no term has more."""
        key = (request.application, model)
        if key not in self._best:
            self._best[key] = int(self.fitting(request, model, 1, blocks=False).max())
        return self._best[key]

    def _caps_over(self, request: Request, model: str) -> tuple[int, ...]:
        key = (request.application, model)
        if key not in self._under:
            self._under[key] = tuple(x.index for x in caps_of(self._round, request, model))
        return self._under[key]


def caps_of(round_: Round, request: Request, model: str) -> tuple[Limit, ...]:
    """The caps that the request is under with this model."""
    return tuple(x for x in round_.bound(request, model) if x.room is not None)


def said(start: int, months: int) -> str:
    """A window as people read it: months counted from 1."""
    first, last = start + 1, start + months
    return f"{first}-{last}" if months > 1 else str(first)


def _least(monthly: Whole, months: int) -> Whole:
    view = np.lib.stride_tricks.sliding_window_view(monthly, months, axis=1)
    least: Whole = view.min(axis=2)
    return least
