"""What could be done for each request: a pool, a start, and how many servers at most.

- Only what would fit if nobody else were served: capacity, whole blocks and caps in all its months.
- `most` is what is wanted, or the largest part that fits; an option whose `most` is below the
  minimum is none.
- In the order of place; within a request by wish, start and pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dure.engine.allocation.facts import PoolOffer, Request, Wish
from dure.engine.allocation.limits import Room, Round


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """One way to serve a request. `merit` is that of one server."""

    request: Request
    wish: Wish
    offer: PoolOffer
    start: int
    most: int
    merit: int

    @property
    def months(self) -> range:
        """The months in which it would hold its servers."""
        return range(self.start, self.start + self.request.months)


Way = tuple[str, str, int]
"""An application, a pool and a start."""


def options_of(
    round_: Round, closed: frozenset[Way] = frozenset()
) -> dict[str, tuple[Option, ...]]:
    """The options of every request but the closed ones; empty where nothing could serve it."""
    room = round_.room({})
    return {
        r.application: tuple(
            option
            for option in _options(round_, room, r)
            if (r.application, option.offer.pool, option.start) not in closed
        )
        for r in round_.requests
    }


def _options(round_: Round, room: Room, request: Request) -> Iterator[Option]:
    for wish in request.wishes:
        merit = request.merit(wish)
        for start in range(request.earliest, request.latest + 1):
            for offer in round_.by_model.get(wish.model, ()):
                most = min(wish.servers, room.fitting(request, offer, start))
                if most >= wish.minimum:
                    yield Option(request, wish, offer, start, most, merit)
