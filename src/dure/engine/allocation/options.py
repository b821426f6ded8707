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
from dure.engine.allocation.limits import Award, Awards, Room, Round


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


class AllOptions:
    """The options of every request, made when they are asked for: thousands never are."""

    def __init__(self, round_: Round) -> None:
        self._round = round_
        self._room = round_.room({})
        self._known: dict[str, tuple[Option, ...]] = {}

    def of(self, request: Request) -> tuple[Option, ...]:
        """Empty where nothing could serve it."""
        name = request.application
        if name not in self._known:
            self._known[name] = tuple(_options(self._round, self._room, request))
        return self._known[name]

    def every(self) -> dict[str, tuple[Option, ...]]:
        """Those of all requests."""
        return {r.application: self.of(r) for r in self._round.requests}


def held_options(round_: Round, awards: Awards) -> dict[str, tuple[Option, ...]]:
    """For each of those served, the one option that it holds."""
    return {
        r.application: (_held(round_, r, awards[r.application]),)
        for r in round_.requests
        if r.application in awards
    }


def _held(round_: Round, request: Request, award: Award) -> Option:
    offer = round_.offers[award.pool]
    number = next(n for n, w in enumerate(request.wishes) if w.model == offer.model)
    wish = request.wishes[number]
    return Option(request, number, wish, offer, award.start, award.servers, request.merit(wish))


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
