"""Caps that the round left out because nobody could fill them, for who asks for one more model.

- A round lists the caps that can fill up if everybody is served whole. A wish that nobody made
  could fill one of the others; its room is counted here, when it is asked for.
"""

from __future__ import annotations

from dure.engine.allocation.facts import Group, Monthly, Request
from dure.engine.allocation.limits import Award, Awards, Round
from dure.engine.allocation.matching import holds, unit, wants
from dure.engine.allocation.windows import caps_of


class Unlisted:
    """The room under those caps in one finished plan."""

    def __init__(self, round_: Round, awards: Awards) -> None:
        self._round = round_
        self._awards = awards
        self._rooms: dict[tuple[str, str], Monthly] = {}

    def allow(self, request: Request, model: str, award: Award) -> bool:
        """Whether every cap that the round left out would hold with this award."""
        listed = {(x.name, x.unit) for x in caps_of(self._round, request, model)}
        months = range(award.start, award.start + request.months)
        return all(
            self._room(group, unit(group, request))[month] >= award.servers
            for group in self._round.policy.groups
            if group.most is not None
            and wants(group, request, model)
            and (group.group, unit(group, request)) not in listed
            for month in months
        )

    def _room(self, group: Group, name: str) -> Monthly:
        key = (group.group, name)
        if key not in self._rooms:
            self._rooms[key] = self._count_room(group, name)
        return self._rooms[key]

    def _count_room(self, group: Group, name: str) -> Monthly:
        room = [group.most or 0] * self._round.snapshot.months
        for held in self._round.snapshot.held:
            if holds(group, held) and unit(group, held) == name:
                room = [left - servers for left, servers in zip(room, held.servers, strict=True)]
        for request in self._round.requests:
            award = self._awards.get(request.application)
            if award is None or unit(group, request) != name:
                continue
            if wants(group, request, self._round.offers[award.pool].model):
                for month in range(award.start, award.start + request.months):
                    room[month] -= award.servers
        return tuple(room)
