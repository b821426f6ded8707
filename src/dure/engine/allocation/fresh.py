"""The months in which room can be less than in the month before.

- A month is fresh if somebody of the round could start in it, if a pool or a block has fewer
  servers than before, or if earlier rounds hold more. The first month is fresh.
- In any other month whoever holds servers held them the month before: there is no less room, so no
  bound needs to be looked at, and what a holder gives back stays free from its last month on,
  until the next fresh month (DESIGN section 4, rank).
"""

from __future__ import annotations

from itertools import chain, pairwise

from dure.engine.allocation.facts import RoundSnapshot


def fresh_months(snapshot: RoundSnapshot) -> tuple[int, ...]:
    """The fresh months in order."""
    fresh = {0}
    for request in snapshot.requests:
        fresh.update(range(request.earliest, request.latest + 1))
    supplies = chain.from_iterable((offer.servers, *offer.blocks) for offer in snapshot.offers)
    for supply in supplies:
        fresh.update(m for m, (before, now) in enumerate(pairwise(supply), 1) if now < before)
    for held in snapshot.held:
        fresh.update(m for m, (before, now) in enumerate(pairwise(held.servers), 1) if now > before)
    return tuple(sorted(fresh))


def next_fresh(fresh: tuple[int, ...], months: int) -> tuple[int, ...]:
    """For each month up to the horizon's end, the first fresh one from it on, else that end."""
    found = [months] * (months + 1)
    for month in reversed(range(months)):
        found[month] = month if month in fresh else found[month + 1]
    return tuple(found)
