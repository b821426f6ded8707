"""Whatever conflicts, the conflict named is one, is smallest, and the advice given is right."""

from __future__ import annotations

from hypothesis import assume, given, settings
from tests.properties.oracle import Oracle
from tests.properties.small_rounds import HEADER, Case, cases

from dure.engine.allocation import PoolOffer, RoundSnapshot, UnableToMeetFloors, plan
from dure.engine.allocation.conflict import Conflict, ConflictingBound

PLENTY = 30
"""Servers and blocks that serve everybody: five requests ask for at most five each."""


def conflict_in(case: Case) -> Conflict:
    """The conflict that the planner names; rounds that have a plan are not what the test is for."""
    try:
        plan(*case, HEADER)
    except UnableToMeetFloors as error:
        return error.conflict
    assume(False)  # noqa: FBT003  # Hypothesis takes it by position
    raise AssertionError


def can_be_kept(case: Case, bounds: tuple[ConflictingBound, ...]) -> bool:
    """Tries every plan with these bounds alone."""
    facts, policy = case
    floors = {b.name: b.bound for b in bounds if b.kind == "floor"}
    caps = {b.name: b.bound for b in bounds if b.kind == "cap"}
    scarce = {b.name for b in bounds if b.kind == "supply"}
    groups = tuple(
        g.model_copy(update={"least": floors.get(g.group), "most": caps.get(g.group)})
        for g in policy.groups
        if g.group in floors or g.group in caps
    )
    offers = tuple(o if o.model in scarce else plenty(o, facts) for o in facts.offers)
    oracle = Oracle(
        facts.model_copy(update={"offers": offers}),
        policy.model_copy(update={"groups": groups}),
        HEADER.seed,
    )
    assume(oracle.combinations() <= 5_000)
    return oracle.best() is not None


def plenty(offer: PoolOffer, facts: RoundSnapshot) -> PoolOffer:
    whole = (offer.block_servers,) * facts.months
    blocks = (whole,) * PLENTY if offer.blocks else ()
    servers = (PLENTY * offer.block_servers,) * facts.months
    return offer.model_copy(update={"servers": servers, "blocks": blocks})


def everything(case: Case) -> tuple[ConflictingBound, ...]:
    facts, policy = case
    floors = [("floor", g.group, g.least) for g in policy.groups if g.least is not None]
    caps = [("cap", g.group, g.most) for g in policy.groups if g.most is not None]
    supply = [("supply", model, 0) for model in sorted({o.model for o in facts.offers})]
    return tuple(
        ConflictingBound.model_validate({"kind": kind, "name": name, "bound": bound})
        for kind, name, bound in (*floors, *caps, *supply)
    )


@given(cases())
@settings(max_examples=30, deadline=None)
def test_the_bounds_named_conflict_and_without_any_one_of_them_do_not(case: Case) -> None:
    named = conflict_in(case)
    assert named.proven
    assert not can_be_kept(case, named.bounds)
    for bound in named.bounds:
        assert can_be_kept(case, tuple(b for b in named.bounds if b is not bound))


@given(cases())
@settings(max_examples=30, deadline=None)
def test_some_change_is_advised_and_can_be_kept_and_one_step_less_far_cannot(case: Case) -> None:
    named = conflict_in(case)
    assert any(bound.instead is not None or bound.kind == "supply" for bound in named.bounds)
    beside = named.bounds if named.others else everything(case)
    for bound in named.bounds:
        if bound.instead is not None:
            rest = tuple(b for b in beside if (b.kind, b.name) != (bound.kind, bound.name))
            nearer = bound.instead + (1 if bound.kind == "floor" else -1)
            for value, kept in ((bound.instead, True), (nearer, False)):
                changed = bound.model_copy(update={"bound": value})
                assert can_be_kept(case, (*rest, changed)) == kept
