"""A round decided by trying everything: the slow and obvious twin of the planner and the checker.

- Every combination of options is tried, so it is for rounds of a handful of requests.
- The rules are written as one would say them, with loops over months; they share no code with
  either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import ceil

from dure.engine.allocation.facts import (
    Group,
    Held,
    PoolOffer,
    Request,
    RoundPolicy,
    RoundSnapshot,
    Wish,
)


@dataclass(frozen=True)
class Given:
    """Servers of a pool for a request's months from `start` on."""

    pool: str
    start: int
    servers: int


Plan = Mapping[str, Given]
Unit = tuple[Group, str]


@dataclass(frozen=True)
class Oracle:
    """A round and what can be asked of it."""

    snapshot: RoundSnapshot
    policy: RoundPolicy
    seed: str = ""

    # what there is to choose from

    def options(self, request: Request) -> list[Given]:
        """Every way to serve the request, whatever the others get."""
        return [
            Given(offer.pool, start, servers)
            for offer in self.snapshot.offers
            for wish in request.wishes
            if wish.model == offer.model
            for start in range(request.earliest, request.latest + 1)
            for servers in range(wish.minimum, wish.servers + 1)
            if self.keeps_capacity({request.application: Given(offer.pool, start, servers)})
        ]

    def combinations(self) -> int:
        """How many plans there are to try."""
        count = 1
        for request in self.snapshot.requests:
            count *= len(self.options(request)) + 1
        return count

    def plans(self) -> list[dict[str, Given]]:
        """Every plan within capacity and caps."""
        found: list[dict[str, Given]] = [{}]
        for request in self.snapshot.requests:
            longer = [
                {**plan, request.application: option}
                for option in self.options(request)
                for plan in found
            ]
            found += [plan for plan in longer if self.keeps_capacity(plan)]
        return found

    # the facts of one request in one plan

    def request(self, application: str) -> Request:
        return next(r for r in self.snapshot.requests if r.application == application)

    def offer(self, pool: str) -> PoolOffer:
        return next(o for o in self.snapshot.offers if o.pool == pool)

    def wish(self, request: Request, pool: str) -> Wish | None:
        return next((w for w in request.wishes if w.model == self.offer(pool).model), None)

    def months(self, request: Request, given: Given) -> range:
        return range(given.start, given.start + request.months)

    def holders(self, plan: Plan) -> Iterator[tuple[Request, Given]]:
        for application, given in plan.items():
            yield self.request(application), given

    def blocks(self, request: Request, pool: str, servers: int) -> int:
        if request.contiguity != "blocks":
            return 0
        return ceil(servers / self.offer(pool).block_servers)

    def merit(self, plan: Plan) -> int:
        total = 0
        for request, given in self.holders(plan):
            wish = self.wish(request, given.pool)
            assert wish is not None
            total += given.servers * request.merit(wish)
        return total

    # rules 1 and 2: capacity, caps and floors

    def keeps_capacity(self, plan: Plan) -> bool:
        """Pools, whole blocks and `most`, in every month."""
        for month in range(self.snapshot.months):
            for offer in self.snapshot.offers:
                if self.used(plan, month, offer) > offer.servers[month]:
                    return False
                if self.blocks_used(plan, month, offer) > offer.whole_blocks(month):
                    return False
            for unit in self.units():
                if self.room(plan, month, unit) < 0:
                    return False
        return True

    def used(self, plan: Plan, month: int, offer: PoolOffer) -> int:
        return sum(
            given.servers
            for request, given in self.holders(plan)
            if given.pool == offer.pool and month in self.months(request, given)
        )

    def blocks_used(self, plan: Plan, month: int, offer: PoolOffer) -> int:
        return sum(
            self.blocks(request, offer.pool, given.servers)
            for request, given in self.holders(plan)
            if given.pool == offer.pool and month in self.months(request, given)
        )

    def units(self) -> list[Unit]:
        found: list[Unit] = []
        for group in self.policy.groups:
            if group.each == "together":
                found.append((group, ""))
            elif group.each == "organisation":
                found += [(group, o) for o in {r.organisation for r in self.snapshot.requests}]
            else:
                found += [(group, o) for o in {r.region for r in self.snapshot.requests}]
        return found

    def binds(self, unit: Unit, who: Request | Held, model: str) -> bool:
        group, value = unit
        return (
            (group.sectors == () or who.sector in group.sectors)
            and (group.regions == () or who.region in group.regions)
            and (group.tracks == () or who.track in group.tracks)
            and (group.size_classes == () or who.size_class in group.size_classes)
            and (group.models == () or model in group.models)
            and (group.each != "organisation" or who.organisation == value)
            and (group.each != "region" or who.region == value)
        )

    def room(self, plan: Plan, month: int, unit: Unit) -> int:
        """Servers left under the unit's `most`; plenty if it has none."""
        most = unit[0].most
        if most is None:
            return 10**6
        held = sum(h.servers[month] for h in self.snapshot.held if self.binds(unit, h, h.model))
        taken = sum(
            given.servers
            for request, given in self.holders(plan)
            if month in self.months(request, given)
            and self.binds(unit, request, self.offer(given.pool).model)
        )
        return max(0, most - held) - taken

    def total(self, plan: Plan, unit: Unit) -> int:
        return sum(
            given.servers * request.months
            for request, given in self.holders(plan)
            if self.binds(unit, request, self.offer(given.pool).model)
        )

    def keeps_floors(self, plan: Plan) -> bool:
        return all(self.total(plan, u) >= u[0].least for u in self.units() if u[0].least)

    # rule 3: rank

    def order(self) -> list[str]:
        """The applications, the best place first."""
        if self.policy.policy != "lottery":
            return [r.application for r in sorted(self.snapshot.requests, key=lambda r: r.rank)]
        bands = self.policy.lottery_bands

        def band(request: Request) -> int:
            for number, least in enumerate(bands):
                if request.score >= least:
                    return number
            return len(bands)

        def ticket(request: Request) -> str:
            return sha256(f"{self.seed}:{request.application}".encode()).hexdigest()

        drawn = sorted(self.snapshot.requests, key=ticket)
        return [r.application for r in sorted(drawn, key=band)]

    def keeps_rank(self, plan: Plan) -> bool:
        return self.policy.policy == "score-weighted" or not any(self.complaints(plan))

    def complaints(self, plan: Plan) -> Iterator[tuple[str, str]]:
        order = self.order()
        for ahead in order:
            for behind in order[order.index(ahead) + 1 :]:
                if ahead not in plan and behind in plan and self.justified(plan, ahead, behind):
                    yield ahead, behind

    def justified(self, plan: Plan, ahead: str, behind: str) -> bool:
        a, b, given = self.request(ahead), self.request(behind), plan[behind]
        wish_a, wish_b = self.wish(a, given.pool), self.wish(b, given.pool)
        assert wish_b is not None
        if (a.track, a.size_class) != (b.track, b.size_class) or wish_a is None:
            return False
        if wish_a.minimum > wish_b.minimum:
            return False
        if a.contiguity == "blocks":
            needs = self.blocks(a, given.pool, wish_a.minimum)
            if needs > self.blocks(b, given.pool, wish_b.minimum):
                return False
        model = self.offer(given.pool).model
        if self.needed_for_a_floor(plan, a, b, given):
            return False
        own = [u for u in self.units() if self.binds(u, a, model) and not self.binds(u, b, model)]
        within = set(self.months(b, given))
        while self.surely_free(max(within) + 1):
            within.add(max(within) + 1)
        for start in range(a.earliest, a.latest + 1):
            months = set(range(start, start + a.months))
            if months <= within and all(
                self.room(plan, month, unit) >= wish_a.minimum for unit in own for month in months
            ):
                return True
        return False

    def surely_free(self, month: int) -> bool:
        """Whether all that is free the month before is free in this one, whatever is decided."""
        snapshot = self.snapshot
        if month >= snapshot.months:
            return False
        for request in snapshot.requests:
            if request.earliest <= month <= request.latest:
                return False
        for offer in snapshot.offers:
            if offer.servers[month] < offer.servers[month - 1]:
                return False
            if any(block[month] < block[month - 1] for block in offer.blocks):
                return False
        return all(held.servers[month] <= held.servers[month - 1] for held in snapshot.held)

    def needed_for_a_floor(self, plan: Plan, a: Request, b: Request, given: Given) -> bool:
        model, wish = self.offer(given.pool).model, self.wish(b, given.pool)
        assert wish is not None
        return any(
            self.total(plan, unit) - wish.minimum * b.months < unit[0].least
            for unit in self.units()
            if unit[0].least is not None
            and self.binds(unit, b, model)
            and not self.binds(unit, a, model)
        )

    # rule 4: nothing that fits is left out

    def keeps_all(self, plan: Plan) -> bool:
        return self.keeps_capacity(plan) and self.keeps_floors(plan) and self.keeps_rank(plan)

    def additions(self, plan: Plan) -> Iterator[tuple[str, Plan]]:
        """Plans with one more served at its minimum, or one reduced given one server more."""
        for request in self.snapshot.requests:
            name = request.application
            if name not in plan:
                for option in self.options(request):
                    wish = self.wish(request, option.pool)
                    if wish is not None and option.servers == wish.minimum:
                        yield "unserved_but_fits", {**plan, name: option}
                continue
            given = plan[name]
            wish = self.wish(request, given.pool)
            if wish is not None and given.servers < wish.servers:
                more = Given(given.pool, given.start, given.servers + 1)
                yield "reduced_but_fits", {**plan, name: more}

    def left_out(self, plan: Plan) -> set[str]:
        """What could be added with rules 1 to 3 still kept."""
        return {rule for rule, longer in self.additions(plan) if self.keeps_all(longer)}

    # rule 5: the most merit

    def best(self) -> int | None:
        """The most merit of any plan that keeps rules 1 to 3; None if no plan does."""
        for plan in sorted(self.plans(), key=self.merit, reverse=True):
            if self.keeps_floors(plan) and self.keeps_rank(plan):
                return self.merit(plan)
        return None
