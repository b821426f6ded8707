"""Adding to a plan what still fits, so that nothing stands idle that somebody could take.

- Nearly always that is `fill`: the best place first, each as much as fits.
- More for one can lift a floor's total, and with it end the excuse by which another is passed over.
  Then additions are made one by one, and those that would break rank so are not made.
"""

from __future__ import annotations

from collections.abc import Iterator

from dure.engine.allocation.excuses import justified_complaints
from dure.engine.allocation.facts import Request
from dure.engine.allocation.fill import best_way, fill
from dure.engine.allocation.limits import Award, Awards, Room, Round


def complete(round_: Round, awards: Awards) -> dict[str, Award]:
    """`awards`, enlarged and extended until nothing more can be added."""
    filled = fill(round_, awards)
    if not justified_complaints(round_, filled):
        return filled
    current = dict(awards)
    while _pass(round_, current):
        pass
    return current


def _pass(round_: Round, current: dict[str, Award]) -> bool:
    """Adds to `current` in order of place what breaks no rank; False if nothing was added."""
    room, added = round_.room(current), False
    for request in round_.requests:
        name = request.application
        while (award := _addition(request, round_, room, current)) is not None:
            current[name] = award
            room, added = round_.room(current), True
    return added


def _addition(
    request: Request,
    round_: Round,
    room: Room,
    current: dict[str, Award],
) -> Award | None:
    name = request.application
    held = current.get(name)
    if held is None and best_way(request, round_, room) is None:
        return None
    for award in _ways(request, held, round_, room):
        way = (name, award.pool, award.start)
        if round_.closed.get(way, award.servers) < award.servers:
            continue
        if not justified_complaints(round_, {**current, name: award}):
            return award
    return None


def _ways(request: Request, held: Award | None, round_: Round, room: Room) -> Iterator[Award]:
    """One server more than it holds, or its minimum in every place that has room."""
    for wish, offer in round_.choices(request):
        if held is None:
            for start in range(request.earliest, request.latest + 1):
                if room.fitting(request, offer, start) >= wish.minimum:
                    yield Award(offer.pool, wish.minimum, start)
        elif (
            offer.pool == held.pool
            and held.servers < wish.servers
            and room.growing(request, held) >= 1
        ):
            yield Award(held.pool, held.servers + 1, held.start)
