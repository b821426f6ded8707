"""What must hold at the end, looked up in the database and said with its figures.

Each check reads what the hub stored, not what the stages returned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, F, Sum

from dure.cli.demo.programme import PEERS, ROUND, SUPPLY
from dure.engine import allocation as engine
from dure.engine import tender
from dure.engine.allocation.scenario import apply
from dure.engine.assignment import conflict
from dure.engine.checks import allocation as round_check
from dure.engine.checks import tender as tender_check
from dure.hub.allocations.models import Decision, Stretch
from dure.hub.allocations.replays import replay
from dure.hub.audit.queries import verify
from dure.hub.calls.models import Application, Call, DuplicatePair
from dure.hub.people.gate import STEWARD
from dure.hub.people.models import User
from dure.hub.reports.models import ClosedMonth
from dure.hub.reports.queries import statement_of
from dure.hub.reviews.facts import co_projects_since, reviewer_facts, submission_of, with_ties
from dure.hub.reviews.models import Assignment, Review, Verdict
from dure.hub.supply.models import Pool
from dure.hub.supply.queries import rules
from dure.hub.tenders.models import Bid, SupplyCall
from dure.hub.usage.models import LedgerEntry, LedgerPosting
from dure.vocabulary.reasons import CATALOGUE
from dure.vocabulary.scenario import Change

ACCELERATORS, FOR_THE_PROGRAMME = 13_136, 10_456
BIDS, SUPPLIERS = 4, 3
JUDGED_BY_PEERS = (8, 6, 5)
WHAT_IFS = 2
OFFERED, APPLICATIONS, SERVERS_ASKED = 542, 514, 1_714


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold: what was found, and what was expected."""

    name: str
    holds: bool
    figures: str


Found = tuple[bool, str]

CHECKS: Final[dict[str, Callable[[], Found]]] = {}
"""Whether each holds, with its figures; in the order of the programme."""


def check_all() -> list[Check]:
    """Every check, in the order of the programme."""
    return [Check(name, *found()) for name, found in CHECKS.items()]


def _check(name: str) -> Callable[[Callable[[], Found]], Callable[[], Found]]:
    def known(found: Callable[[], Found]) -> Callable[[], Found]:
        CHECKS[name] = found
        return found

    return known


@_check("Accelerators acquired / for the programme")
def supply() -> Found:
    pools = Pool.objects.filter(arrangement="acquired")
    per_node = F("accelerators_per_node")
    found = pools.aggregate(
        whole=Sum(F("nodes") * per_node),
        programme=Sum((F("nodes") - F("own_use_nodes")) * per_node),
    )
    return (
        (found["whole"], found["programme"]) == (ACCELERATORS, FOR_THE_PROGRAMME),
        f"{found['whole']:,} / {found['programme']:,}",
    )


@_check("Supply call: bids / agreed / accelerators / for the programme")
def supply_call() -> Found:
    """The chosen bids are the programme's supply; the choice is sound, and replays."""
    decision = SupplyCall.objects.get(key=SUPPLY).decision
    if decision is None:
        return False, "no plan"
    snapshot = tender.TenderSnapshot.model_validate(decision.snapshot)
    policy = tender.TenderPolicy.model_validate(decision.policy)
    plan = tender.TenderPlan.model_validate(decision.plan)
    sound = not tender_check.violations(snapshot, policy, plan)
    agreed = Bid.objects.filter(call__key=SUPPLY, state=Bid.State.AGREED).count()
    return (
        sound
        and tender.plan(snapshot, policy, plan.header) == plan
        and (len(plan.intents), agreed) == (BIDS, SUPPLIERS)
        and (plan.accelerators, plan.public_accelerators) == (ACCELERATORS, FOR_THE_PROGRAMME),
        f"{len(plan.intents)} / {agreed} / {plan.accelerators:,} / {plan.public_accelerators:,}",
    )


@_check("Filed twice: found / kept out")
def filed_twice() -> Found:
    """A project filed again under a romanised name was found, and only the first stands."""
    found = DuplicatePair.objects.filter(call__key=PEERS)
    out = found.filter(ruling="same", second__state=Application.State.REFUSED)
    kept = out.exclude(first__state=Application.State.REFUSED).count()
    return (found.count() == kept == 1, f"{found.count()} / {kept}")


@_check("Peer review: judged / passed / ranked / reviews by the wrong people")
def reviewed_by_peers() -> Found:
    """Passed the panel of the documents, reviewed others but never themselves, were ranked."""
    judged = Verdict.objects.filter(stage__call__key=PEERS, stage__key="document")
    passed = set(judged.filter(passed=True).values_list("application__applicant", flat=True))
    asked = Assignment.objects.filter(stage__call__key=PEERS, stage__key="peer")
    own = asked.filter(reviewer__organisation=F("application__organisation")).count()
    others = asked.exclude(reviewer__in=passed).count()
    ranked = Application.objects.filter(call__key=PEERS, rank__isnull=False).count()
    figures = (judged.count(), len(passed), ranked, own + others)
    return (
        figures == (*JUDGED_BY_PEERS, 0),
        " / ".join(map(str, figures)),
    )


@_check("Applications / servers asked for")
def demand() -> Found:
    found = (
        Application.objects.filter(call__key=ROUND)
        .exclude(state=Application.State.DRAFT)
        .aggregate(count=Count("pk"), servers=Sum("amount"))
    )
    return (
        (found["count"], found["servers"]) == (APPLICATIONS, SERVERS_ASKED),
        f"{found['count']:,} / {found['servers']:,}",
    )


def _round() -> Decision:
    return Decision.objects.get(call__key=ROUND, kind="round", state=Decision.State.APPLIED)


@_check("Servers offered in the round")
def offer() -> Found:
    offered = sum(one["servers"][0] for one in _round().snapshot["offers"])
    return (offered == OFFERED, f"{offered:,}")


@_check("Reviews / of them with a conflict of interest")
def reviewed_without_conflict() -> Found:
    pairs = Review.objects.values_list("assignment__application", "assignment__reviewer")
    people = {user.pk: reviewer_facts(user) for user in with_ties(User.objects.all())}
    applications = Application.objects.select_related(
        "organisation", "applicant", "call__programme"
    )
    asked = {a.pk: (submission_of(a), _first_year(a.call)) for a in applications}
    conflicts = [
        (application, reviewer)
        for application, reviewer in pairs
        if conflict(asked[application][0], people[reviewer], asked[application][1])
    ]
    return (
        bool(pairs) and not conflicts,
        f"{len(pairs):,} / {len(conflicts)}",
    )


def _first_year(call: Call) -> int:
    return co_projects_since(call, rules(call.programme))


@_check("Applications with an outcome and a reason")
def outcomes_have_reasons() -> Found:
    ranked = Application.objects.filter(call__key=ROUND, rank__isnull=False).count()
    told = Application.objects.filter(call__key=ROUND).exclude(
        state__in=[Application.State.DRAFT, Application.State.WITHDRAWN]
    )
    outcomes = list(_round().outcomes.values_list("reason", flat=True))
    reasons = sum(1 for reason in outcomes if reason["code"] in CATALOGUE)
    without = told.filter(outcomes__isnull=True, failures=[]).count()
    return (
        len(outcomes) == ranked == reasons and without == 0,
        f"{reasons:,} of {told.count():,}",
    )


def _stored_round() -> tuple[engine.RoundSnapshot, engine.RoundPolicy, engine.RoundPlan]:
    decision = _round()
    return (
        engine.RoundSnapshot.model_validate(decision.snapshot),
        engine.RoundPolicy.model_validate(decision.policy),
        engine.RoundPlan.model_validate(decision.plan),
    )


@_check("Round: independent check")
def round_is_sound() -> Found:
    snapshot, policy, plan = _stored_round()
    wrong = round_check.violations(snapshot, policy, plan)
    proof = "proven optimal" if plan.optimal else f"bound {plan.bound:,}"
    return (not wrong, f"{len(wrong)} violations, {proof}")


@_check("Round: same inputs, same plan")
def round_replays() -> Found:
    same = replay(decision=_round(), by=STEWARD).same
    return (same, "same" if same else "differs")


@_check("What-if plans: independent check")
def what_ifs_are_sound() -> Found:
    """Plans under other rules pass the same check as the round's own."""
    snapshot, policy, _ = _stored_round()
    wrong = 0
    asked = list(_round().scenarios.all())
    for one in asked:
        other = apply(snapshot, policy, Change.model_validate(one.change))
        wrong += len(round_check.violations(*other, engine.RoundPlan.model_validate(one.plan)))
    return (
        len(asked) == WHAT_IFS and not wrong,
        f"{len(asked)} plans, {wrong} violations",
    )


@_check("Pools over-allocated at any instant")
def pools_not_over_allocated() -> Found:
    """At every instant, the servers of a pool's allocations fit into what it may award."""
    changes: defaultdict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for in_pool, start, end, servers in Stretch.objects.values_list(
        "allocation__pool", "starts_at", "ends_at", "servers"
    ):
        changes[in_pool] += [(start, servers), (end, -servers)]
    peaks: dict[str, tuple[int, int]] = {}
    for pool in Pool.objects.all():
        held = peak = 0
        for _, servers in sorted(changes[pool.pk]):  # an end sorts before a start of its instant
            held += servers
            peak = max(peak, held)
        peaks[pool.key] = (peak, pool.awardable_servers)
    over = [key for key, (peak, room) in peaks.items() if peak > room]
    promised = [p.key for p in Pool.objects.all() if p.promised_servers > p.awardable_servers]
    return (
        not over and not promised,
        f"{len(over) + len(promised)} of {len(peaks)}",
    )


@_check("Accelerator-seconds unaccounted for in March")
def conservation() -> Found:
    """The six places of every pool add up to accelerators x seconds, to the second."""
    statement = statement_of(ClosedMonth.objects.get())
    seconds = int((statement.end - statement.start).total_seconds())
    gaps = [pool.accelerators * seconds - pool.split.total for pool in statement.pools]
    return (
        bool(gaps)
        and not any(gaps)
        and statement.totals.total == sum(pool.accelerators * seconds for pool in statement.pools),
        f"{sum(map(abs, gaps))} of {statement.totals.total:,}",
    )


@_check("Ledger: entries / not summing to zero")
def ledger_sums_to_zero() -> Found:
    total = LedgerPosting.objects.aggregate(total=Sum("amount"))["total"]
    entries = LedgerEntry.objects.annotate(total=Sum("postings__amount"))
    crooked = entries.exclude(total=0).count()
    return (
        total == 0 and crooked == 0,
        f"{entries.count():,} / {crooked}",
    )


@_check("Audit chain")
def audit_chain() -> Found:
    report = verify()
    return (
        report.intact and report.length > 0,
        f"{report.length:,} events, {'holds' if report.intact else report.problem}",
    )
