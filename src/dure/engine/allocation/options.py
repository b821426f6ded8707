"""What could be done for each request: a pool, a start, and how many servers at most.

- Only what would fit if nobody else were served: capacity, whole blocks and caps in all its months.
- `most` is what is wanted, or the largest part that fits; an option whose `most` is below the
  minimum is none.
- In the order of place; within a request by wish, start and pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dure.engine.allocation.facts import PoolOffer, Request, Wish
from dure.engine.allocation.fill import room_for
from dure.engine.allocation.limits import Room, Round


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """One way to serve a request. `number` is the wish's; `merit` is that of one server."""

    request: Request
    number: int
    wish: Wish
    offer: PoolOffer
    start: int
    most: int
    merit: int

    @property
    def months(self) -> range:
        """The months in which it would hold its servers."""
        return range(self.start, self.start + self.request.months)


def options_of(round_: Round) -> dict[str, tuple[Option, ...]]:
    """The options of every request; empty where nothing could serve it."""
    room = round_.room({})
    return {r.application: tuple(_options(round_, room, r)) for r in round_.requests}


def _options(round_: Round, room: Room, request: Request) -> Iterator[Option]:
    for number, wish in enumerate(request.wishes):
        offers = round_.by_model.get(wish.model, ())
        if not offers:
            continue
        merit = request.merit(wish)
        most = np.minimum(room_for(request, wish, round_, room), wish.servers)
        for start, row in np.argwhere(wish.minimum <= most.T).tolist():
            servers = int(most[row, start])
            yield Option(
                request, number, wish, offers[row], request.earliest + start, servers, merit
            )
