"""Why each application got what it got, read off the finished plan.

- The question is always: what stops this request from being added to the plan as it stands?
- A limit that is full is named before a pool that is full: under it no pool would help.
- Of several full limits the one is named that the worse-ranked requests served are not under.
- Numbers are of the plan: the room left, and how many servers were short.
"""

from __future__ import annotations

from dure.engine.allocation.facts import PoolOffer, Request
from dure.engine.allocation.limits import Award, Awards, Limit, Room, Round
from dure.vocabulary.plans import Reason


class Explainer:
    """Reasons for one finished plan."""

    def __init__(self, round_: Round, awards: Awards) -> None:
        self._round = round_
        self._awards = awards
        self._room: Room = round_.room(awards)
        self._served: dict[tuple[str, str], list[Request]] = {}
        for request in round_.requests:
            if request.application in awards:
                self._served.setdefault(_class(request), []).append(request)

    def why(self, request: Request) -> Reason:
        """The reason for what `request` gets, or for its waiting."""
        award = self._awards.get(request.application)
        if award is None:
            return self._why_waiting(request)
        if award.servers == request.servers:
            return Reason(
                code="round.awarded",
                params={"servers": award.servers, "pool": award.pool, "rank": request.rank},
            )
        return self._why_reduced(request, award)

    def _why_reduced(self, request: Request, award: Award) -> Reason:
        code = "round.reduced"
        name = award.pool
        limit = self._full_limit(request, needed=1)
        if limit is not None:
            code, name = f"round.reduced_{limit.kind}", limit.name
        return Reason(
            code=code,
            params={
                "servers": award.servers,
                "wanted": request.servers,
                "pool": award.pool,
                "rank": request.rank,
                "limit": name,
            },
        )

    def _why_waiting(self, request: Request) -> Reason:
        pools = self._round.pools[request.application]
        if not pools:
            return self._why_nowhere(request)
        limit = self._full_limit(request, needed=request.minimum)
        if limit is not None:
            code = "round.quota_full" if limit.kind == "quota" else "round.organisation_cap"
            return self._short(code, request, limit.name, self._room.limits[limit])
        widest = max(pools, key=lambda offer: self._room.pools[offer.pool])
        code, cutoff = self._cutoff(request, pools)
        return self._short(code, request, widest.pool, self._room.pools[widest.pool], **cutoff)

    def _why_nowhere(self, request: Request) -> Reason:
        models = ", ".join(request.models)
        sizes = [o.servers for o in self._round.offers if o.model in request.models and o.servers]
        if not sizes:
            return Reason(code="round.no_pool", params={"models": models})
        return Reason(
            code="round.pool_too_small",
            params={
                "models": models,
                "minimum": request.minimum,
                "largest": max(sizes),
                "short": request.minimum - max(sizes),
            },
        )

    def _cutoff(self, request: Request, pools: tuple[PoolOffer, ...]) -> tuple[str, dict[str, int]]:
        """Who of its class holds the pools it accepts, and the worst rank among them."""
        names = {offer.pool for offer in pools}
        ranks = [r.rank for r in self._rivals(request) if self._awards[r.application].pool in names]
        if not ranks:
            return "round.other_classes_ahead", {}
        cutoff = max(ranks)
        code = "round.better_ranked_ahead" if cutoff < request.rank else "round.pool_full"
        return code, {"cutoff": cutoff}

    def _short(self, code: str, request: Request, name: str, room: int, **more: int) -> Reason:
        return Reason(
            code=code,
            params={
                "rank": request.rank,
                "minimum": request.minimum,
                "limit": name,
                "room": room,
                "short": request.minimum - room,
                **more,
            },
        )

    def _full_limit(self, request: Request, *, needed: int) -> Limit | None:
        limits = self._round.limits
        full = [limit for limit in limits[request.application] if self._room.limits[limit] < needed]
        worse = [r for r in self._rivals(request) if r.rank > request.rank]

        def shared(limit: Limit) -> int:
            return sum(limit in limits[r.application] for r in worse)

        return min(
            full, key=lambda x: (shared(x), self._room.limits[x], x.kind, x.name), default=None
        )

    def _rivals(self, request: Request) -> list[Request]:
        """The served requests of its class."""
        return self._served.get(_class(request), [])


def _class(request: Request) -> tuple[str, str]:
    return request.track, request.size_class
