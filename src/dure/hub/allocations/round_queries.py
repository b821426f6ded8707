"""Reading rounds: the call, what it offers, what the latest plan gives, every decision.

- A plan and its inputs may be megabytes; pages read the few fields they show out of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from dure.engine.allocation.facts import Price
from dure.engine.allocation.report import PoolUse, RoundReport
from dure.hub.allocations.models import Approval, Decision, Outcome
from dure.hub.allocations.round_report import Report, dearest, written
from dure.hub.allocations.rounds import INELIGIBLE, approvals_needed
from dure.hub.calls.models import Call
from dure.hub.people.gate import Action, NotPermitted, may, require
from dure.hub.people.models import User
from dure.hub.supply.models import Pool
from dure.hub.supply.queries import rules

Part = Literal["snapshot", "policy", "plan"]
PARTS: Final[tuple[Part, ...]] = ("snapshot", "policy", "plan")
ROUND: Final = "round"


@dataclass(frozen=True, slots=True)
class Offer:
    """A pool of the call; `use` is what the latest plan makes of it, None before one."""

    pool: Pool
    use: PoolUse | None
    points: str = ""

    @property
    def offered(self) -> int:
        """In the month with most; before a plan what is free at all times."""
        return max(self.use.offered) if self.use else self.pool.free_servers

    @property
    def given(self) -> int:
        """In the month with most."""
        return max(self.use.given) if self.use else 0


@dataclass(frozen=True, slots=True)
class RoundSeen:
    """A call's round as its page shows it; `latest` and what follows from it is None before one."""

    call: Call
    offers: tuple[Offer, ...]
    latest: Decision | None
    report: Report | None
    stale: bool
    left_out: int


def a_call(*, key: str, by: User) -> Call:
    """The call. Raises NotPermitted, also where there is none."""
    require(by, Action.SEE_ROUND)
    found = Call.objects.select_related("programme").defer("programme__document")
    call = found.filter(key=key).first()
    if call is None:
        raise NotPermitted(by, Action.SEE_ROUND)
    return call


def round_of(*, call: Call, by: User) -> RoundSeen:
    """The call's round with its latest plan."""
    require(by, Action.SEE_ROUND)
    latest = (
        Decision.objects.filter(call=call, kind=ROUND)
        .select_related("programme", "call", "approved_by")
        .defer(*_HEAVY)
        .annotate(prices=F("plan__prices"), left_out=Coalesce(_LEFT_OUT, 0))
        .order_by("-number")
        .first()
    )
    report = a_report(latest) if latest else None
    return RoundSeen(
        call=call,
        offers=_offers(call, report, latest.prices if latest else ()),
        latest=latest,
        report=report,
        stale=latest is not None and is_stale(latest, call.programme.generation),
        left_out=latest.left_out if latest else 0,
    )


_HEAVY: Final = ("snapshot", "policy", "plan", "programme__document")
"""What may be megabytes, and is not shown in a list."""

_LEFT_OUT: Final = Subquery(
    Outcome.objects.filter(decision=OuterRef("pk"), outcome=INELIGIBLE)
    .order_by()
    .values("decision")
    .annotate(count=Count("pk"))
    .values("count")
)
"""How many applications a plan leaves out."""


def a_report(decision: Decision) -> Report:
    """What a round came to, in the reader's language."""
    stored = RoundReport.model_validate(decision.report)
    return written(stored, rules(decision.programme))


def is_stale(decision: Decision, generation: int) -> bool:
    """Whether the programme has moved on since this was proposed."""
    return decision.state == Decision.State.PROPOSED and decision.generation != generation


def outcomes(
    *, decision: Decision, by: User, outcome: str = "", sector: str = "", text: str = ""
) -> QuerySet[Outcome]:
    """What the round decided, best rank first; narrowed where asked."""
    require(by, Action.SEE_ROUND)
    found = Outcome.objects.filter(decision=decision)
    if outcome:
        found = found.filter(outcome=outcome)
    if sector:
        found = found.filter(application__organisation__sector=sector)
    if text:
        found = found.filter(
            Q(application__title__icontains=text)
            | Q(application__number__icontains=text)
            | Q(application__organisation__name__icontains=text)
        )
    return _in_order(found)


def in_order(decision: Decision) -> QuerySet[Outcome]:
    """Every outcome of a round in its order; who was left out stands last."""
    return _in_order(decision.outcomes.all())


def _in_order(found: QuerySet[Outcome]) -> QuerySet[Outcome]:
    related = found.select_related("application__organisation", "pool").defer(
        "application__answers"
    )
    return related.order_by(F("place").asc(nulls_last=True), "application__number")


def an_outcome(*, call: str, application: str, by: User) -> Outcome:
    """What the latest plan of the call means for an application.

    Its own people see it once the plan is applied. Raises NotPermitted, also where there is none.
    """
    rounds = Decision.objects.filter(call__key=call, kind=ROUND)
    standing = rounds.exclude(state=Decision.State.SUPERSEDED)
    found = (
        Outcome.objects.filter(decision__in=standing, application__number=application)
        .select_related("application__organisation", "pool")
        .select_related("decision__call", "decision__programme")
        .defer("decision__snapshot", "decision__plan", "decision__policy", "decision__report")
        .order_by("-decision__number")
    )
    for one in found:
        applied = one.decision.state == Decision.State.APPLIED
        if may(by, Action.SEE_ROUND) or (
            applied and may(by, Action.SEE_APPLICATION, one.application)
        ):
            return one
    raise NotPermitted(by, Action.SEE_ROUND)


def decisions(*, call: Call, by: User) -> QuerySet[Decision]:
    """Every decision on the call, latest first."""
    require(by, Action.SEE_ROUND)
    return _light().filter(call=call).order_by("-number")


def a_decision(*, programme: str, number: int, by: User) -> Decision:
    """One decision with all that made it. Raises NotPermitted, also where there is none."""
    require(by, Action.SEE_ROUND)
    found = Decision.objects.select_related("programme", "call", "approved_by")
    found = found.defer("programme__document")
    decision = found.filter(programme__key=programme, number=number).first()
    if decision is None:
        raise NotPermitted(by, Action.SEE_ROUND)
    return decision


@dataclass(frozen=True, slots=True)
class Approvals:
    """Who has approved a plan, how many are needed, and whether the reader is among them."""

    given: tuple[Approval, ...]
    needed: int
    mine: bool

    @property
    def missing(self) -> int:
        return max(0, self.needed - len(self.given))


def approvals(*, decision: Decision, by: User) -> Approvals:
    """The approvals of a plan, the first one first."""
    require(by, Action.SEE_ROUND)
    given = tuple(decision.approvals.select_related("user"))
    return Approvals(
        given=given,
        needed=approvals_needed(decision),
        mine=any(one.user_id == by.pk for one in given),
    )


@dataclass(frozen=True, slots=True)
class Effect:
    """What approving a plan will do, as its intents say."""

    intents: int
    awards: int
    servers: int


def effect_of(decision: Decision) -> Effect:
    """Counted from the stored outcomes of a round; other plans only count their intents."""
    given = decision.outcomes.aggregate(
        awards=Count("pk", filter=Q(servers__gt=0)), servers=Sum("servers", default=0)
    )
    return Effect(intents=len(decision.plan.get("intents", [])), **given)


def digests(decision: Decision) -> dict[str, str]:
    """SHA-256 of each stored part, over its canonical JSON: two people compare these."""
    return {part: hashlib.sha256(canonical(decision, part)).hexdigest() for part in PARTS}


def canonical(decision: Decision, part: Part) -> bytes:
    """A stored part as canonical JSON."""
    stored = getattr(decision, part)
    return json.dumps(stored, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _light() -> QuerySet[Decision]:
    related = Decision.objects.select_related("programme", "call", "approved_by")
    return related.defer(*_HEAVY, "report")


def _offers(
    call: Call, report: Report | None, prices: Sequence[Mapping[str, Any]]
) -> tuple[Offer, ...]:
    uses = {use.pool: use for use in report.pools} if report else {}
    asked = rules(call.programme).call(call.key)
    named = asked.pools if asked else tuple(uses)
    pools = Pool.objects.filter(key__in=named).select_related("cluster").order_by("model", "key")
    of_pools = [Price.model_validate(p) for p in prices if p["kind"] == "pool"]
    return tuple(
        Offer(
            pool=pool,
            use=uses.get(pool.key),
            points=dearest([p for p in of_pools if p.name == pool.key]),
        )
        for pool in pools.defer("cluster__inventory")
    )
