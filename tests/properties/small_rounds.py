"""Rounds small enough to try everything, with every kind of rule in them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st
from tests.properties.oracle import Oracle, Plan

from dure.engine.allocation.facts import (
    Group,
    Held,
    Monthly,
    Outcome,
    PoolOffer,
    Request,
    RoundPlan,
    RoundPolicy,
    RoundSnapshot,
    Wish,
)
from dure.engine.placement import Holding, place
from dure.vocabulary.plans import Header, Reason

HEADER = Header(
    number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC), seed="drawn in public"
)
MOST_COMBINATIONS = 3000
"""A plan takes the oracle about 0.1 ms."""

Case = tuple[RoundSnapshot, RoundPolicy]
sectors = st.sampled_from(["university", "sme"])
regions = st.sampled_from(["north", "south"])
organisations = st.sampled_from(["p", "q", "r"])
size_classes = st.sampled_from(["small", "small", "large"])


@st.composite
def wishes(draw: st.DrawFn) -> tuple[Wish, ...]:
    models = draw(st.sampled_from([("A",), ("A",), ("B",), ("A", "B"), ("B", "A")]))
    found = []
    for model in models:
        minimum = draw(st.integers(1, 3))
        found.append(
            Wish(
                model=model,
                servers=minimum + draw(st.integers(0, 2)),
                minimum=minimum,
                weight=draw(st.sampled_from(["1", "2", "1/2"])),
            )
        )
    return tuple(found)


@st.composite
def requests(draw: st.DrawFn, rank: int, horizon: int) -> Request:
    months = draw(st.integers(1, horizon))
    earliest = draw(st.integers(0, horizon - months))
    return Request(
        application=f"a{draw(st.integers(0, 9))}{rank}",
        organisation=draw(organisations),
        region=draw(regions),
        sector=draw(sectors),
        track="one",
        size_class=draw(size_classes),
        wishes=draw(wishes()),
        months=months,
        earliest=earliest,
        latest=draw(st.integers(earliest, horizon - months)),
        contiguity=draw(st.sampled_from(["cluster", "cluster", "blocks"])),
        rank=rank * 10,
        score=draw(st.sampled_from(["0", "1/3", "60", "77.5", "90"])),
    )


@st.composite
def offers(draw: st.DrawFn, name: str, horizon: int, *, steady: bool) -> PoolOffer:
    size = draw(st.integers(1, 3))
    blocks: list[Monthly] = []
    for _ in range(draw(st.integers(0, 3))):
        free = draw(st.lists(st.integers(0, size), min_size=horizon, max_size=horizon))
        blocks.append(tuple(sorted(free) if steady else free))
    return PoolOffer(
        pool=name,
        cluster=name,
        model=draw(st.sampled_from(["A", "A", "B"])),
        servers=tuple(draw(st.integers(0, 6)) for _ in range(horizon)),
        block_servers=size,
        blocks=tuple(blocks),
    )


@st.composite
def groups(draw: st.DrawFn, name: str) -> Group:
    each = draw(st.sampled_from(["together", "together", "organisation", "region"]))
    most = draw(st.none() | st.integers(0, 6)) if each == "together" else draw(st.integers(0, 6))
    floor = st.integers(0, 5) if most is None else st.none() | st.integers(0, 3)
    return Group(
        group=name,
        kind=draw(st.sampled_from(["quota", "organisation_cap", "rule"])),
        sectors=draw(st.sampled_from([(), ("university",), ("sme",)])),
        regions=draw(st.sampled_from([(), (), ("north",)])),
        size_classes=draw(st.sampled_from([(), (), ("small",)])),
        models=draw(st.sampled_from([(), (), ("A",)])),
        each=each,
        most=most,
        least=draw(floor) if each == "together" else None,
    )


@st.composite
def held(draw: st.DrawFn, horizon: int) -> Held:
    return Held(
        organisation=draw(organisations),
        region=draw(regions),
        sector=draw(sectors),
        model=draw(st.sampled_from(["A", "B"])),
        servers=tuple(draw(st.integers(0, 3)) for _ in range(horizon)),
    )


@st.composite
def cases(draw: st.DrawFn, *, steady: bool = True) -> Case:
    """A round and its rules. `steady`: a block that is whole in one month stays so."""
    horizon = draw(st.integers(1, 3))
    asked = [draw(requests(n, horizon)) for n in range(1, draw(st.integers(0, 5)) + 1)]
    rules = [draw(groups(f"g{n}")) for n in range(draw(st.integers(0, 3)))]
    name = draw(st.sampled_from(["strict-rank", "strict-rank", "score-weighted", "lottery"]))
    snapshot = RoundSnapshot(
        call="r1",
        months=horizon,
        requests=tuple(asked),
        offers=tuple(
            draw(offers(f"p{n}", horizon, steady=steady)) for n in range(draw(st.integers(1, 2)))
        ),
        held=tuple(draw(st.lists(held(horizon), max_size=2))),
    )
    policy = RoundPolicy(
        policy=name, groups=tuple(rules), lottery_bands=("77.5",) if name == "lottery" else ()
    )
    return _small(snapshot, policy), policy


def _small(snapshot: RoundSnapshot, policy: RoundPolicy) -> RoundSnapshot:
    """With as many of its requests as can be tried in every combination."""
    while Oracle(snapshot, policy).combinations() > MOST_COMBINATIONS:
        snapshot = snapshot.model_copy(update={"requests": snapshot.requests[:-1]})
    return snapshot


@st.composite
def plans(draw: st.DrawFn, case: Case) -> Plan:
    """Any way to serve, each request by itself within capacity."""
    oracle = Oracle(*case, HEADER.seed)
    found = {}
    for request in case[0].requests:
        option = draw(st.sampled_from([None, *oracle.options(request)]))
        if option is not None:
            found[request.application] = option
    return found


def written(case: Case, plan: Plan) -> RoundPlan:
    """A plan in the planner's form; its reasons are not meant to fit."""
    oracle = Oracle(*case, HEADER.seed)
    holdings: dict[str, list[Holding]] = {}
    for request, given in oracle.holders(plan):
        holdings.setdefault(given.pool, []).append(
            Holding(
                application=request.application,
                servers=given.servers,
                start=given.start,
                months=request.months,
                whole_blocks=request.contiguity == "blocks",
            )
        )
    blocks = {
        application: shares
        for pool, held_ in holdings.items()
        for application, shares in place(oracle.offer(pool), held_).items()
    }
    outcomes = []
    for number, application in enumerate(oracle.order(), start=1):
        given = plan.get(application)
        wish = None if given is None else oracle.wish(oracle.request(application), given.pool)
        whole = given is not None and wish is not None and given.servers == wish.servers
        outcomes.append(
            Outcome(
                application=application,
                outcome="waitlisted" if given is None else "awarded" if whole else "reduced",
                pool=None if given is None else given.pool,
                servers=0 if given is None else given.servers,
                start=0 if given is None else given.start,
                months=0 if given is None else oracle.request(application).months,
                place=number,
                blocks=blocks.get(application, ()),
                reason=Reason(code="round.awarded"),
            )
        )
    merit = oracle.merit(plan)
    return RoundPlan(
        header=HEADER, intents=tuple(outcomes), objective=merit, bound=merit, optimal=True
    )
