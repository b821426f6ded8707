"""What a round says is true of the plan, whatever the round.

Most rounds are served here in order of place, whatever still fits: that keeps strict rank, leaves
nothing out that fits, and needs no solver. The last test looks at the planner's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.small_rounds import Case, cases

from dure.engine.allocation import UnableToMeetFloors, plan
from dure.engine.allocation.change import Changes, smallest
from dure.engine.allocation.excuses import justified_complaints
from dure.engine.allocation.explain import Explainer
from dure.engine.allocation.facts import (
    Group,
    Held,
    PoolOffer,
    Request,
    RoundPolicy,
    RoundSnapshot,
    Wish,
)
from dure.engine.allocation.limits import Award, Room, Round, read
from dure.engine.allocation.report import awards_of, round_report
from dure.vocabulary.plans import Header
from dure.vocabulary.reasons import CATALOGUE

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC), seed="seed")
MONTHS = 3
MODELS = ("A", "B", "C")
Served = tuple[Round, dict[str, Award]]


@st.composite
def wishes(draw: st.DrawFn) -> tuple[Wish, ...]:
    models = draw(st.lists(st.sampled_from(MODELS), min_size=1, max_size=2, unique=True))
    found = []
    for model in models:
        servers = draw(st.integers(1, 5))
        minimum = draw(st.integers(1, servers))
        weight = draw(st.sampled_from([1, 2]))
        found.append(Wish(model=model, servers=servers, minimum=minimum, weight=Fraction(weight)))
    return tuple(found)


@st.composite
def requests(draw: st.DrawFn, place: int) -> Request:
    months = draw(st.integers(1, MONTHS))
    latest = draw(st.integers(0, MONTHS - months))
    return Request(
        application=f"a{place}",
        organisation=draw(st.sampled_from(["p", "q"])),
        region=draw(st.sampled_from(["north", "south"])),
        sector=draw(st.sampled_from(["university", "sme"])),
        track="one",
        size_class=draw(st.sampled_from(["small", "small", "large"])),
        wishes=draw(wishes()),
        months=months,
        earliest=draw(st.integers(0, latest)),
        latest=latest,
        contiguity=draw(st.sampled_from(["cluster", "cluster", "blocks"])),
        rank=place,
        score=Fraction(200 - place, 3),
    )


@st.composite
def offers(draw: st.DrawFn, index: int) -> PoolOffer:
    count, size = draw(st.integers(0, 3)), draw(st.integers(1, 3))
    block = st.tuples(*[st.integers(0, size)] * MONTHS)
    blocks = tuple(draw(st.lists(block, min_size=count, max_size=count)))
    free = [sum(b[month] for b in blocks) for month in range(MONTHS)]
    servers = tuple(have or draw(st.integers(0, 6)) for have in free)
    return PoolOffer(
        pool=f"p{index}",
        cluster="c",
        model=MODELS[index % 3] if index < 3 else draw(st.sampled_from(MODELS)),
        servers=servers,
        block_servers=size,
        blocks=blocks,
    )


@st.composite
def policies(draw: st.DrawFn) -> RoundPolicy:
    quota = Group(group="u", sectors=("university",), most=draw(st.integers(0, 6)))
    cap = Group(
        group="cap", kind="organisation_cap", each="organisation", most=draw(st.integers(1, 6))
    )
    rule = Group(group="r", kind="rule", models=("A",), each="region", most=draw(st.integers(0, 4)))
    groups = draw(st.lists(st.sampled_from([quota, cap, rule]), max_size=2, unique_by=id))
    name = draw(st.sampled_from(["strict-rank", "strict-rank", "score-weighted", "lottery"]))
    bands = ["50"] if name == "lottery" else []
    return RoundPolicy.model_validate({"policy": name, "groups": groups, "lottery_bands": bands})


@st.composite
def served_rounds(draw: st.DrawFn) -> Served:
    count = draw(st.integers(1, 7))
    snapshot = RoundSnapshot(
        call="r1",
        months=MONTHS,
        requests=tuple(draw(requests(place)) for place in range(1, count + 1)),
        offers=tuple(draw(offers(index)) for index in range(draw(st.integers(1, 4)))),
        held=(Held(organisation="p", sector="university", model="B", servers=(1, 0, 2)),),
    )
    round_ = read(snapshot, draw(policies()), "seed")
    return round_, in_order(round_)


def in_order(round_: Round) -> dict[str, Award]:
    room, awards = round_.room({}), dict[str, Award]()
    for request in round_.requests:
        for wish, offer in round_.choices(request):
            for start in range(request.earliest, request.latest + 1):
                servers = min(wish.servers, room.fitting(request, offer, start))
                if servers >= wish.minimum and request.application not in awards:
                    awards[request.application] = Award(offer.pool, servers, start)
                    room.take(request, awards[request.application])
    return awards


def most(
    round_: Round, room: Room, request: Request, starts: range
) -> Mapping[tuple[str, int], int]:
    """What fits, pool by pool and start by start."""
    last = round_.snapshot.months - request.months
    return {
        (offer.pool, start): room.fitting(request, offer, start)
        for _, offer in round_.choices(request)
        for start in starts
        if 0 <= start <= last
    }


def window(request: Request) -> range:
    return range(request.earliest, request.latest + 1)


def fits(round_: Round, room: Room, request: Request, starts: range) -> bool:
    minimum = {offer.pool: wish.minimum for wish, offer in round_.choices(request)}
    found = most(round_, room, request, starts)
    return any(servers >= minimum[pool] for (pool, _), servers in found.items())


def months_of(params: Mapping[str, Any]) -> slice:
    first, _, last = str(params["window"]).partition("-")
    return slice(int(first) - 1, int(last or first))


@given(served_rounds())
@settings(max_examples=40, deadline=None)
def test_every_reason_fills_its_sentence_and_its_figures_are_those_of_the_plan(
    served: Served,
) -> None:
    round_, awards = served
    room, explainer = round_.room(awards), Explainer(round_, awards)
    for request in round_.requests:
        reason = explainer.why(request)
        params: dict[str, Any] = dict(reason.params)
        assert "{" not in CATALOGUE[reason.code].format(**params)
        if request.application in awards:
            assert reason.code.startswith(("round.awarded", "round.reduced"))
        elif reason.code in ("round.quota_full", "round.organisation_cap", "round.rule_full"):
            named = [
                x
                for x in round_.limits
                if params["limit"] in (x.name, x.unit, f"{x.name} ({x.unit})")
            ]
            left = [int(room.most[x.index, months_of(params)].min()) for x in named]
            assert params["room"] in left
            assert params["short"] == params["minimum"] - params["room"] > 0
        elif "pool" in params and "blocks" not in params:
            row = round_.pool_index[params["pool"]]
            assert params["room"] == room.servers[row, months_of(params)].min()
            assert params["short"] == params["minimum"] - params["room"] > 0
        elif reason.code == "round.blocks_full":
            row = round_.pool_index[params["pool"]]
            assert params["room"] == room.blocks[row, months_of(params)].min()
            assert params["short"] == params["blocks"] - params["room"] > 0
        else:
            assert reason.code in ("round.no_pool", "round.pool_too_small")


@given(served_rounds())
@settings(max_examples=40, deadline=None)
def test_a_cut_off_is_the_worst_place_served_in_its_class_and_pools(served: Served) -> None:
    round_, awards = served
    explainer = Explainer(round_, awards)
    for request in round_.requests:
        reason = explainer.why(request)
        if reason.code not in ("round.better_ranked_ahead", "round.pool_full"):
            continue
        pools = {offer.pool for _, offer in round_.choices(request)}
        places = [
            round_.place[other.application]
            for other in round_.requests
            if (award := awards.get(other.application)) is not None
            and other.size_class == request.size_class
            and award.pool in pools
            and award.start < request.latest + request.months
            and award.start + other.months > request.earliest
        ]
        own = round_.place[request.application]
        assert reason.params["cutoff"] == max(places)
        assert (max(places) < own) == (reason.code == "round.better_ranked_ahead")


@given(served_rounds())
@settings(max_examples=40, deadline=None)
def test_a_changed_request_fits_into_the_plan_that_its_sentence_is_about(served: Served) -> None:
    round_, awards = served
    changes = Changes(round_, awards)
    for request in round_.requests:
        change = changes.found(request)
        if change is None:
            continue
        rest = {name: held for name, held in awards.items() if name != change.instead_of}
        requests_ = [
            change.request if r.application == request.application else r for r in round_.requests
        ]
        # Read anew: another wish can bring a cap into play that the round could leave out.
        facts = round_.snapshot.model_copy(update={"requests": tuple(requests_)})
        changed = read(facts, round_.policy, "seed")
        offer, minimum = changed.offers[change.award.pool], change.award.servers
        wish = next(w for w in change.request.wishes if w.model == offer.model)
        assert wish.minimum == minimum
        assert change.award.start in window(change.request)
        room = changed.room(rest)
        assert room.fitting(change.request, offer, change.award.start) >= minimum
        assert "{" not in CATALOGUE[change.reason.code].format(**change.reason.params)
        assert smallest(round_, awards, request) == change.reason


@given(served_rounds())
@settings(max_examples=40, deadline=None)
def test_no_smaller_change_of_the_kind_would_do_and_none_is_missed(served: Served) -> None:
    round_, awards = served
    room, changes = round_.room(awards), Changes(round_, awards)
    for request in round_.requests:
        if request.application in awards:
            assert changes.found(request) is None
            continue
        change = changes.found(request)
        kind = "" if change is None else change.reason.code.removeprefix("change.")
        params = {} if change is None else dict(change.reason.params)
        here = most(round_, room, request, window(request))
        if kind == "":
            assert max(here.values(), default=0) == 0
            assert not fits(round_, room, request, range(MONTHS))
            assert not fits(round_, room, request.model_copy(update={"months": 1}), window(request))
        if kind == "fewer_servers":
            model = params["model"]
            pools = {o.pool for _, o in round_.choices(request) if o.model == model}
            assert params["servers"] == max(n for (pool, _), n in here.items() if pool in pools)
        if kind == "later_start":
            between = range(request.earliest, int(str(params["start"])) - 1)
            assert not fits(round_, room, request, between)
        if kind == "earlier_start":
            assert not fits(round_, room, request, range(int(str(params["start"])), MONTHS))
        if kind == "shorter":
            months = int(str(params["months"])) + 1
            longer = request.model_copy(update={"months": months})
            assert not fits(round_, room, longer, window(request))


@given(served_rounds())
@settings(max_examples=40, deadline=None)
def test_more_points_lead_past_one_whose_servers_would_do(served: Served) -> None:
    round_, awards = served
    changes = Changes(round_, awards)
    by_name = {r.application: r for r in round_.requests}
    for request in round_.requests:
        change = changes.found(request)
        if change is None or change.instead_of is None:
            continue
        passed = by_name[change.instead_of]
        assert request.score + Fraction(str(change.reason.params["points"])) > passed.score
        assert Fraction(str(change.reason.params["score"])) > passed.score
        assert (passed.track, passed.size_class) == (request.track, request.size_class)
        assert awards[change.instead_of].servers >= change.award.servers
        assert awards[change.instead_of].pool == change.award.pool


def complains(round_: Round, awards: Mapping[str, Award], ahead: Request) -> bool:
    """The rule of rank, pair by pair and start by start: the slow and obvious twin."""
    room = round_.room(awards)
    for behind in round_.requests:
        held = awards.get(behind.application)
        if (
            held is None
            or (behind.track, behind.size_class) != (ahead.track, ahead.size_class)
            or round_.place[behind.application] < round_.place[ahead.application]
        ):
            continue
        offer = round_.offers[held.pool]
        wishes = {w.model: w for w in behind.wishes}
        for wish in ahead.wishes:
            if wish.model == offer.model and wish.minimum <= wishes[wish.model].minimum:
                pair = (wish, wishes[wish.model])
                if blocks_do(offer, ahead, behind, pair) and any(
                    not full(round_, room, (ahead, behind), wish, start)
                    for start in window(ahead)
                    if held.start <= start and start + ahead.months <= held.start + behind.months
                ):
                    return True
    return False


def blocks_do(offer: PoolOffer, ahead: Request, behind: Request, pair: tuple[Wish, Wish]) -> bool:
    if ahead.contiguity != "blocks":
        return True
    needed, freed = (ceil(wish.minimum / offer.block_servers) for wish in pair)
    return behind.contiguity == "blocks" and needed <= freed


def full(round_: Round, room: Room, pair: tuple[Request, Request], wish: Wish, start: int) -> bool:
    ahead, behind = pair
    when = slice(start, start + ahead.months)
    return any(
        room.most[limit.index, when].min() < wish.minimum
        for limit in set(round_.bound(ahead, wish.model)) - set(round_.bound(behind, wish.model))
    )


@given(served_rounds(), st.data())
@settings(max_examples=60, deadline=None)
def test_justified_complaints_are_those_that_the_rule_of_rank_gives_pair_by_pair(
    served: Served, data: st.DataObject
) -> None:
    round_, awards = served
    assert not round_.ranked or justified_complaints(round_, awards) == ()
    kept = {name: award for name, award in awards.items() if data.draw(st.booleans())}
    expected = [
        r.application
        for r in round_.requests
        if r.application not in kept and complains(round_, kept, r)
    ]
    assert justified_complaints(round_, kept) == (tuple(expected) if round_.ranked else ())


@given(cases())
@settings(max_examples=60, deadline=None)
def test_planned_rounds_with_floors_read_without_a_complaint(case: Case) -> None:
    facts, policy = case
    try:
        decided = plan(facts, policy, HEADER)
    except UnableToMeetFloors:
        return
    assert round_report(facts, policy, decided).complaints == 0
    round_, awards = read(facts, policy, HEADER.seed), awards_of(decided)
    changes = Changes(round_, awards)
    for outcome, request in zip(decided.intents, round_.requests, strict=True):
        reasons = [outcome.reason]
        change = changes.found(request)
        if change is not None:
            reasons.append(change.reason)
            rest = {name: held for name, held in awards.items() if name != change.instead_of}
            offer, start = round_.offers[change.award.pool], change.award.start
            room = round_.room(rest).fitting(change.request, offer, start)
            assert room >= change.award.servers
        for reason in reasons:
            assert "{" not in CATALOGUE[reason.code].format(**reason.params)
            if "{short}" in CATALOGUE[reason.code]:
                assert int(str(reason.params["short"])) > 0
