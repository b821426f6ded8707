"""A round the spreadsheet's way: down the ranking, until the pool is empty.

- Each application takes the first pool of its first wish that has room, from the first month it
  can start in; less than it asked for only if it may be reduced. Caps are looked up, floors not.
- `stop`: the first application that no pool has room for closes its pools for the starts it could
  have taken. That is what a list cut off at a line does. `skip`: it is passed over and the next one
  is tried; the best a spreadsheet can do.
"""

from __future__ import annotations

from collections import defaultdict

from bench.rounds_data import Award, Awards, Facts

from dure.engine.allocation.facts import PoolOffer, Request, Wish


def by_rank(facts: Facts, *, stop: bool) -> Awards:
    sheet = _Sheet(facts)
    awards: Awards = {}
    for request in facts.ranked:
        award = sheet.first_fit(request)
        if award is not None:
            sheet.take(request, award)
            awards[request.application] = award
        elif stop and not sheet.capped_out(request):
            sheet.close(request)
    return awards


class _Sheet:
    def __init__(self, facts: Facts) -> None:
        months = range(facts.snapshot.months)
        self.facts = facts
        self.left = {p: list(o.servers) for p, o in facts.offers.items()}
        self.blocks = {p: [o.whole_blocks(m) for m in months] for p, o in facts.offers.items()}
        self.room = {u: list(room) for u, room in facts.room.items()}
        self.closed: defaultdict[str, set[int]] = defaultdict(set)

    def first_fit(self, request: Request) -> Award | None:
        for wish, offer in self.facts.choices(request):
            for start in range(request.earliest, request.latest + 1):
                if start not in self.closed[offer.pool]:
                    servers = min(wish.servers, self._fits(request, offer, start))
                    servers = min(servers, self._allowed(request, wish, start))
                    if servers >= wish.minimum:
                        return Award(offer.pool, start, servers)
        return None

    def _fits(self, request: Request, offer: PoolOffer, start: int) -> int:
        when = slice(start, start + request.months)
        servers = min(self.left[offer.pool][when])
        if request.contiguity == "blocks":
            servers = min(servers, min(self.blocks[offer.pool][when]) * offer.block_servers)
        return servers

    def _allowed(self, request: Request, wish: Wish, start: int) -> int:
        when = slice(start, start + request.months)
        caps = self.facts.caps(request, wish.model)
        return min((min(self.room[u][when]) for u in caps), default=wish.servers)

    def take(self, request: Request, award: Award) -> None:
        offer = self.facts.offers[award.pool]
        for month in range(award.start, award.start + request.months):
            self.left[award.pool][month] -= award.servers
            if request.contiguity == "blocks":
                self.blocks[award.pool][month] -= -(-award.servers // offer.block_servers)
            for unit in self.facts.caps(request, offer.model):
                self.room[unit][month] -= award.servers

    def capped_out(self, request: Request) -> bool:
        """A cap leaves it too little, whatever the pools have."""
        return all(
            self._allowed(request, wish, start) < wish.minimum
            for wish in request.wishes
            for start in range(request.earliest, request.latest + 1)
        )

    def close(self, request: Request) -> None:
        for _, offer in self.facts.choices(request):
            self.closed[offer.pool].update(range(request.earliest, request.latest + 1))
