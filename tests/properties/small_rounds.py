"""Rounds small enough to try everything, with every kind of rule in them.

- Drawn from a seed and not choice by choice: Hypothesis prefers small values, and of rounds put
  together from those hardly any has a rule that binds (a complaint in 1 of 400, now in 1 of 6).
"""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from random import Random

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
MOST_COMBINATIONS = 1000
"""Trying a plan takes 0.1 ms."""

Case = tuple[RoundSnapshot, RoundPolicy]
seeds = st.integers(0, 2**32 - 1).map(Random)


def _wishes(random: Random) -> tuple[Wish, ...]:
    found = []
    for model in random.choice([*[("A",)] * 5, ("B",), ("A", "B"), ("B", "A")]):
        minimum = random.choice([1, 1, 2, 2, 3])
        servers = minimum + random.choice([0, 0, 1, 1, 2])
        weight = Fraction(random.choice(["1", "2", "1/2"]))
        found.append(Wish(model=model, servers=servers, minimum=minimum, weight=weight))
    return tuple(found)


def _request(random: Random, rank: int, horizon: int) -> Request:
    months = random.randint(1, horizon)
    earliest = random.randint(0, horizon - months)
    return Request(
        application=f"{random.choice('abc')}{rank}",
        organisation=random.choice(["p", "q", "r"]),
        region=random.choice(["north", "south"]),
        sector=random.choice(["university", "sme"]),
        track="one",
        size_class=random.choice([*["small"] * 5, "large"]),
        wishes=_wishes(random),
        months=months,
        earliest=earliest,
        latest=random.randint(earliest, horizon - months),
        contiguity=random.choice([*["cluster"] * 5, "blocks"]),
        rank=rank * 10,
        score=Fraction(random.choice(["0", "1/3", "60", "60", "77.5", "90"])),
    )


def _offer(random: Random, name: str, horizon: int, *, steady: bool) -> PoolOffer:
    size, blocks = random.randint(1, 3), list[Monthly]()
    for _ in range(random.choice([0, 2, 3, 4])):
        free = [random.choice([*[size] * 4, random.randint(0, size)]) for _ in range(horizon)]
        blocks.append(tuple(sorted(free) if steady else free))
    servers = random.randint(2, 6)
    return PoolOffer(
        pool=name,
        cluster=name,
        model=random.choice([*["A"] * 5, "B"]),
        servers=tuple(servers + random.choice([*[0] * 6, 1, -1]) for _ in range(horizon)),
        block_servers=size,
        blocks=tuple(blocks),
    )


def _group(random: Random, name: str) -> Group:
    each = random.choice(["together", "together", "together", "organisation", "region"])
    bounds = random.choice(["most", "least", "both"]) if each == "together" else "most"
    return Group(
        group=name,
        kind=random.choice(["quota", "organisation_cap", "rule"]),
        sectors=random.choice([(), ("university",), ("university",), ("sme",)]),
        regions=random.choice([(), (), (), ("north",)]),
        size_classes=random.choice([(), (), (), ("small",)]),
        models=random.choice([(), (), (), ("A",)]),
        each=each,
        most=None if bounds == "least" else random.randint(1, 6),
        least=None if bounds == "most" else random.randint(1, 3),
    )


def _held(random: Random, horizon: int) -> Held:
    return Held(
        organisation=random.choice(["p", "q"]),
        region=random.choice(["north", "south"]),
        sector=random.choice(["university", "sme"]),
        model=random.choice(["A", "B"]),
        servers=tuple(random.randint(0, 2) for _ in range(horizon)),
    )


def round_of(random: Random, *, steady: bool) -> Case:
    """A round and its rules. `steady`: a block that is whole in one month stays so."""
    horizon, count = random.choice([1, 1, 2, 3]), random.choice([1, 2, 3, 4, 4, 5, 5])
    snapshot = RoundSnapshot(
        call="r1",
        months=horizon,
        requests=tuple(_request(random, n, horizon) for n in range(1, count + 1)),
        offers=tuple(
            _offer(random, f"p{n}", horizon, steady=steady) for n in range(random.choice([1, 1, 2]))
        ),
        held=tuple(_held(random, horizon) for _ in range(random.choice([0, 0, 0, 1]))),
    )
    name = random.choice(["strict-rank", "strict-rank", "strict-rank", "score-weighted", "lottery"])
    policy = RoundPolicy.model_validate(
        {
            "policy": name,
            "groups": [_group(random, f"g{n}") for n in range(random.choice([0, 1, 2, 3]))],
            "lottery_bands": ["77.5"] if name == "lottery" else [],
        }
    )
    return _small(snapshot, policy), policy


def cases(*, steady: bool = True) -> st.SearchStrategy[Case]:
    return seeds.map(lambda random: round_of(random, steady=steady))


def _small(snapshot: RoundSnapshot, policy: RoundPolicy) -> RoundSnapshot:
    """With as many of its requests as can be tried in every combination."""
    while Oracle(snapshot, policy).combinations() > MOST_COMBINATIONS:
        snapshot = snapshot.model_copy(update={"requests": snapshot.requests[:-1]})
    return snapshot


def some_plans(random: Random, case: Case) -> list[Plan]:
    """Ways to serve, good and bad: anyhow, within capacity, and with nothing left to add."""
    oracle = Oracle(*case, HEADER.seed)
    ways = {r.application: [None, *oracle.options(r)] for r in case[0].requests}
    anyhow = {application: random.choice(options) for application, options in ways.items()}
    plans = oracle.plans()
    keys = [frozenset(plan.items()) for plan in plans]
    full = [p for p, key in zip(plans, keys, strict=True) if not any(key < k for k in keys)]
    return [
        {application: option for application, option in anyhow.items() if option},
        *random.sample(plans, min(len(plans), 2)),
        *random.sample(full, min(len(full), 8)),
    ]


def written(case: Case, plan: Plan) -> RoundPlan:
    """A plan in the planner's form; its reasons are not meant to fit."""
    oracle = Oracle(*case, HEADER.seed)
    holdings: dict[str, list[Holding]] = {}
    for request, award in oracle.holders(plan):
        holdings.setdefault(award.pool, []).append(
            Holding(
                application=request.application,
                servers=award.servers,
                start=award.start,
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
