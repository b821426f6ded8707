"""Whatever the round, its plan keeps the rules, is the best there is, and is always the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from dure.engine.allocation import (
    Outcome,
    PoolOffer,
    QuotaRoom,
    Request,
    RoundPlan,
    RoundPolicy,
    RoundSnapshot,
    plan,
)
from dure.engine.checks.allocation import violations
from dure.vocabulary.plans import Header, Reason

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC))
MODELS = ("H200", "B200")
Case = tuple[RoundSnapshot, RoundPolicy]
Given = dict[str, tuple[str, int]]


@st.composite
def requests(draw: st.DrawFn, rank: int) -> Request:
    servers = draw(st.integers(1, 4))
    return Request(
        application=f"a{rank}",
        organisation=draw(st.sampled_from(["p", "q", "r"])),
        region="seoul",
        sector=draw(st.sampled_from(["university", "sme"])),
        track="one",
        size_class=draw(st.sampled_from(["small", "small", "large"])),
        models=draw(st.sampled_from([MODELS[:1], MODELS[1:], MODELS, MODELS[::-1]])),
        servers=servers,
        minimum=draw(st.sampled_from([servers, max(1, servers - 1)])),
        rank=rank,
        score=draw(st.sampled_from(["0", "1/3", "60", "77.5", "90"])),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(0, 6))
    models = draw(st.sampled_from([MODELS, ("H200", "H200")]))
    offers = tuple(
        PoolOffer(pool=f"p{i}", cluster=f"c{i}", model=model, servers=draw(st.integers(0, 6)))
        for i, model in enumerate(models)
    )
    quota = QuotaRoom(quota="u", sectors=("university",), servers_left=draw(st.integers(0, 6)))
    return (
        RoundSnapshot(
            call="r1",
            requests=tuple(draw(requests(rank)) for rank in range(1, count + 1)),
            offers=offers,
            quotas=(quota,) if draw(st.booleans()) else (),
            organisation_used={"p": draw(st.integers(0, 3))},
        ),
        RoundPolicy(organisation_cap=draw(st.sampled_from([None, 2, 5]))),
    )


def options(request: Request, facts: RoundSnapshot) -> list[tuple[str, int] | None]:
    amounts = range(request.minimum, request.servers + 1)
    pools = [o.pool for o in facts.offers if o.model in request.models]
    return [None, *product(pools, amounts)]


def merit(facts: RoundSnapshot, given_: Given) -> int:
    return sum(
        given_[r.application][1] * r.merit_per_server
        for r in facts.requests
        if r.application in given_
    )


def keeps_limits(facts: RoundSnapshot, policy: RoundPolicy, given_: Given) -> bool:
    return all(room - held >= 0 for room, held in rooms(facts, policy, given_).values()) and all(
        sum(n for pool, n in given_.values() if pool == o.pool) <= o.servers for o in facts.offers
    )


def rooms(facts: RoundSnapshot, policy: RoundPolicy, given_: Given) -> dict[str, tuple[int, int]]:
    """Per limit: what it may hold and what it holds."""

    def held(bound: list[Request]) -> int:
        return sum(given_[r.application][1] for r in bound if r.application in given_)

    found = {
        f"quota {q.quota}": (
            q.servers_left,
            held([r for r in facts.requests if r.sector in q.sectors]),
        )
        for q in facts.quotas
    }
    if policy.organisation_cap is not None:
        for name in {r.organisation for r in facts.requests}:
            room = max(0, policy.organisation_cap - facts.organisation_used.get(name, 0))
            found[f"cap {name}"] = (
                room,
                held([r for r in facts.requests if r.organisation == name]),
            )
    return found


def bound_by(request: Request, facts: RoundSnapshot) -> set[str]:
    quotas = {f"quota {q.quota}" for q in facts.quotas if request.sector in q.sectors}
    return quotas | {f"cap {request.organisation}"}


def nobody_complains(facts: RoundSnapshot, policy: RoundPolicy, given_: Given) -> bool:
    state = rooms(facts, policy, given_)
    model = {o.pool: o.model for o in facts.offers}
    for ahead, behind in product(facts.requests, repeat=2):
        if ahead.application in given_ or behind.application not in given_:
            continue
        excused = any(
            state[name][0] - state[name][1] < ahead.minimum
            for name in bound_by(ahead, facts) - bound_by(behind, facts)
            if name in state
        )
        if (
            ahead.rank < behind.rank
            and ahead.size_class == behind.size_class
            and ahead.minimum <= behind.minimum
            and model[given_[behind.application][0]] in ahead.models
            and not excused
        ):
            return False
    return True


def every_plan(facts: RoundSnapshot) -> Iterator[Given]:
    """All ways to serve, the slow and obvious twin of the solver."""
    for chosen in product(*(options(r, facts) for r in facts.requests)):
        yield {
            r.application: award
            for r, award in zip(facts.requests, chosen, strict=True)
            if award is not None
        }


def most_merit(facts: RoundSnapshot, policy: RoundPolicy) -> int:
    best = 0
    for given_ in every_plan(facts):
        reached = merit(facts, given_)
        if (
            reached > best
            and keeps_limits(facts, policy, given_)
            and nobody_complains(facts, policy, given_)
        ):
            best = reached
    return best


@given(cases())
@settings(max_examples=150, deadline=None)
def test_the_checker_accepts_every_plan(case: Case) -> None:
    decided = plan(*case, HEADER)
    assert violations(*case, decided) == ()


@given(cases())
@settings(max_examples=50, deadline=None)
def test_brute_force_finds_no_better_plan(case: Case) -> None:
    decided = plan(*case, HEADER)
    assert (decided.objective, decided.optimal) == (most_merit(*case), True)


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_input_changes_nothing(case: Case, order: Random) -> None:
    facts, policy = case
    shuffled = facts.model_copy(
        update={
            name: tuple(order.sample(getattr(facts, name), len(getattr(facts, name))))
            for name in ("requests", "offers", "quotas")
        }
    )
    assert plan(shuffled, policy, HEADER) == plan(facts, policy, HEADER)


@given(cases())
@settings(max_examples=30, deadline=None)
def test_a_stored_round_replays_to_the_same_bytes(case: Case) -> None:
    facts, policy = case
    stored = facts.model_dump_json(), policy.model_dump_json()
    first = plan(facts, policy, HEADER).model_dump_json()
    again = plan(
        RoundSnapshot.model_validate_json(stored[0]),
        RoundPolicy.model_validate_json(stored[1]),
        HEADER,
    )
    assert again.model_dump_json() == first
    assert RoundPlan.model_validate_json(first) == again


def rules(case: Case, decided: RoundPlan, intents: list[Outcome]) -> set[str]:
    """What the checker says of `decided` with other outcomes and the merit they reach."""
    given_ = {o.application: (o.pool, o.servers) for o in intents if o.pool is not None}
    reached = merit(case[0], given_)
    changed = decided.model_copy(
        update={
            "intents": tuple(intents),
            "objective": reached,
            "bound": max(decided.bound, reached),
            "optimal": reached >= decided.bound,
        }
    )
    return {violation.rule for violation in violations(*case, changed)}


@given(cases())
@settings(max_examples=50, deadline=None)
def test_one_server_more_or_one_outcome_less_is_noticed(case: Case) -> None:
    decided = plan(*case, HEADER)
    outcomes = list(decided.intents)
    for index, outcome in enumerate(outcomes):
        rest = outcomes[:index] + outcomes[index + 1 :]
        assert "outcome_missing" in rules(case, decided, rest)
        if outcome.pool is not None:
            more = outcome.model_copy(update={"servers": outcome.servers + 1})
            assert rules(case, decided, [*rest, more])


@given(cases())
@settings(max_examples=100, deadline=None)
def test_serving_the_worse_and_not_the_better_is_noticed(case: Case) -> None:
    decided = plan(*case, HEADER)
    by_rank = {r.application: r for r in case[0].requests}
    for better, worse in product(decided.intents, repeat=2):
        ahead, behind = by_rank[better.application], by_rank[worse.application]
        alike = ahead.size_class == behind.size_class and ahead.minimum <= behind.minimum
        if better.pool is None or worse.pool is not None or ahead.rank > behind.rank or not alike:
            continue
        swap = {
            better.application: worse.model_copy(update={"application": better.application}),
            worse.application: better.model_copy(update={"application": worse.application}),
        }
        swapped = [swap.get(o.application, o) for o in decided.intents]
        assert "rank_broken" in rules(case, decided, swapped)


def test_a_reason_is_part_of_every_outcome() -> None:
    assert Outcome.model_fields["reason"].annotation is Reason
    assert Outcome.model_fields["reason"].is_required()
