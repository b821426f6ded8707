"""Rounds and allocations: capacity; plans applied once, to the state they were made from."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum
from tests.integration import small
from tests.integration.small import APRIL, DECIDED, STARTED

from dure.hub.allocations import capacity, expiry, lending, operations, promotion, reclaiming
from dure.hub.allocations.decisions import PlanRefused, StalePlan
from dure.hub.allocations.models import (
    Allocation,
    Decision,
    LentRight,
    Outcome,
    Project,
    ReclaimNotice,
    WaitlistEntry,
)
from dure.hub.calls.models import Application, Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.loop import step
from dure.hub.notices.models import Notice
from dure.hub.people.gate import STEWARD
from dure.hub.supply.models import Pool, Programme
from dure.hub.supply.operations import UnableToLoad, store_programme
from dure.hub.usage.models import LedgerEntry, LedgerPosting
from dure.protocol import UsageRecord
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme_file import parse_programme

pytestmark = pytest.mark.django_db

WHY = Reason(code="allocation.standing", params={"holder": "test"})


def promise(servers: int) -> Allocation:
    return capacity.promise(
        project=Project.objects.get(key="s-team"),
        pool=small.pool(),
        servers=servers,
        starts_at=STARTED,
        ends_at=APRIL,
        reason=WHY,
        by=STEWARD,
        now=DECIDED,
    )


def test_no_more_servers_are_promised_than_are_free() -> None:
    small.load()
    promise(5)
    with pytest.raises(capacity.NoRoom, match="pool-a has 2 servers free, 3 were to be promised"):
        promise(3)
    promise(2)
    assert small.pool().free_servers == 0
    assert Allocation.objects.filter(pool__key="pool-a").aggregate(n=Sum("servers"))["n"] == 7


def test_the_database_itself_refuses_a_promise_beyond_the_room() -> None:
    small.load()
    with pytest.raises(IntegrityError, match="pool_never_over_promised"), transaction.atomic():
        Pool.objects.filter(key="pool-a").update(promised_servers=8)
    assert small.pool().promised_servers == 0


def test_a_programme_file_that_takes_away_what_is_promised_is_not_loaded() -> None:
    small.load()
    promise(6)
    text = small.FILE.read_text().replace("own_use_nodes: 2", "own_use_nodes: 4")
    smaller = parse_programme(text, file="smaller.yaml")
    with pytest.raises(UnableToLoad, match="pool-a: 6 servers are promised, the file leaves 5"):
        store_programme(programme=smaller, by=STEWARD, now=DECIDED)
    assert small.pool().awardable_servers == 7


def test_loading_the_same_programme_again_grants_its_standing_allocations_once() -> None:
    small.load()
    small.load()
    assert Allocation.objects.get().servers == 3
    assert small.pool("pool-b").promised_servers == 3


def test_every_ranked_application_has_an_outcome_and_a_reason() -> None:
    world, plan = small.proposed()
    outcomes = {o.application_id: o for o in Outcome.objects.filter(decision=plan)}
    assert {a.pk for a in world.applications.values()} == set(outcomes)
    waiting = outcomes[world.applications["cho"].pk]
    assert (waiting.outcome, waiting.servers) == ("waitlisted", 0)
    assert all(o.reason["code"].startswith("round.") for o in outcomes.values())


def test_an_approved_round_is_what_was_proposed() -> None:
    world = small.decided()
    held = dict(Allocation.objects.exclude(key__startswith="s-").values_list("key", "servers"))
    assert held == {"p-first-0001-a1": 3, "p-first-0002-a1": 3}
    assert small.pool().promised_servers == 6
    assert WaitlistEntry.objects.get().application == world.applications["cho"]
    assert Call.objects.get().state == Call.State.DECIDED
    told = Notice.objects.filter(subject__startswith="first-", reason__code__startswith="round.")
    assert {n.recipient.username for n in told} == {"ann", "bob", "cho"}


def test_a_round_is_applied_once() -> None:
    world, plan = small.proposed()
    operations.approve_decision(decision=plan, by=world.operator, now=DECIDED)
    with pytest.raises(StalePlan):
        operations.approve_decision(decision=plan, by=world.operator, now=DECIDED)
    assert small.pool().promised_servers == 6
    assert Project.objects.filter(application__isnull=False).count() == 3


def test_a_plan_is_not_applied_to_another_state_than_it_was_made_from() -> None:
    world, plan = small.proposed()
    Programme.objects.update(generation=plan.generation + 1)
    with pytest.raises(StalePlan, match=f"made at generation {plan.generation}"):
        operations.approve_decision(decision=plan, by=world.operator, now=DECIDED)
    assert not Project.objects.filter(application__isnull=False).exists()


def test_a_new_proposal_supersedes_the_one_before_it() -> None:
    world, old = small.proposed()
    new = operations.solve_round(call=world.call, by=world.operator, now=DECIDED)
    assert Decision.objects.get(pk=old.pk).state == Decision.State.SUPERSEDED
    with pytest.raises(StalePlan):
        operations.approve_decision(decision=old, by=world.operator, now=DECIDED)
    operations.approve_decision(decision=new, by=world.operator, now=DECIDED)


def test_the_same_facts_give_the_same_plan() -> None:
    world, old = small.proposed()
    new = operations.solve_round(call=world.call, by=world.operator, now=DECIDED)
    plans = [{k: v for k, v in one.plan.items() if k != "header"} for one in (old, new)]
    assert plans[0] == plans[1]
    assert (old.snapshot, old.seed, old.policy) == (new.snapshot, new.seed, new.policy)


def test_a_stored_plan_that_was_tampered_with_is_refused_and_nothing_is_awarded() -> None:
    world, plan = small.proposed()
    intents = [{**i, "servers": 4} if i["servers"] == 3 else i for i in plan.plan["intents"]]
    Decision.objects.filter(pk=plan.pk).update(plan={**plan.plan, "intents": intents})
    with pytest.raises(PlanRefused):
        operations.approve_decision(decision=plan, by=world.operator, now=DECIDED)
    assert Decision.objects.get(pk=plan.pk).state == Decision.State.PROPOSED
    assert small.pool().promised_servers == 0


def test_what_is_awarded_is_what_the_checked_plan_says() -> None:
    world, plan = small.proposed()
    Outcome.objects.filter(decision=plan, servers=3).update(servers=1)
    with pytest.raises(PlanRefused, match="outcomes"):
        operations.approve_decision(decision=plan, by=world.operator, now=DECIDED)
    assert small.pool().promised_servers == 0


def test_an_agreement_is_signed_once_and_fills_the_account_once() -> None:
    world = small.decided()
    mine = world.allocation("ann")
    operations.sign_agreement(allocation=mine, by=world["ann"], now=DECIDED)
    with pytest.raises(NotAtThisStage):
        operations.sign_agreement(allocation=mine, by=world["ann"], now=DECIDED)
    seconds = int((mine.ends_at - mine.starts_at).total_seconds())
    account = LedgerPosting.objects.get(account=f"allocation:{mine.key}")
    assert account.amount == 3 * 8 * seconds


def test_a_declined_award_frees_its_servers_for_the_next_who_fits() -> None:
    world = small.decided()
    operations.decline_agreement(allocation=world.allocation("ann"), by=world["ann"], now=DECIDED)
    assert world.allocation("ann").state == Allocation.State.DECLINED
    assert small.pool().free_servers == 4
    made = promotion.promote(programme=world.programme, by=STEWARD, now=DECIDED)
    assert made is not None
    assert (world.allocation("cho").servers, small.pool().free_servers) == (4, 0)
    assert WaitlistEntry.objects.get().state == WaitlistEntry.State.PROMOTED
    assert promotion.promote(programme=world.programme, by=STEWARD, now=DECIDED) is None


def test_an_allocation_ends_with_its_period_and_once() -> None:
    world = small.running()
    over = world.allocation("ann").ends_at
    assert expiry.expire(programme=world.programme, now=over - timedelta(seconds=1)) == 0
    assert expiry.expire(programme=world.programme, now=over) == 2
    assert expiry.expire(programme=world.programme, now=over) == 0
    assert small.pool().promised_servers == 0


def rights() -> list[tuple[str, int]]:
    """Who may borrow on the pool, in turn, and how much."""
    held = LentRight.objects.filter(pool__key="pool-a").order_by("order")
    return list(held.values_list("project__key", "max_accelerators"))


def test_lending_is_offered_to_who_waits_then_to_who_holds_and_said_again_changes_nothing() -> None:
    world = small.running()
    pool = small.pool()
    whole = (pool.nodes - pool.own_use_nodes) * pool.accelerators_per_node
    assert lending.offer(programme=world.programme, now=STARTED) is not None
    in_turn = ("p-first-0003", "p-first-0001", "p-first-0002", "s-team")
    assert rights() == [(project, whole) for project in in_turn]
    revision = small.cluster().desired_revision
    assert lending.offer(programme=world.programme, now=STARTED) is None
    assert small.cluster().desired_revision == revision


def borrowed(world: small.World, name: str, *, start: datetime) -> UsageRecord:
    """Lent work of an owner's project: the record of its owner's work, on loan."""
    lent = {"kind": "lent", "allocation": None}
    return small.work(world.allocation(name), start=start).model_copy(update=lent)


def test_who_borrowed_comes_later_all_the_next_week() -> None:
    world = small.running()
    report = borrowed(world, "ann", start=STARTED)
    small.say(at=report.end, through=report.end, usage=(report,))
    for day, second in ((0, 1), (6, 1), (7, 2), (13, 2), (14, 1)):
        lending.offer(programme=world.programme, now=STARTED + timedelta(days=day, hours=12))
        assert [name for name, _ in rights()][1] == f"p-first-000{second}", day


def test_a_project_that_neither_waits_nor_holds_loses_its_right() -> None:
    world = small.running()
    lending.offer(programme=world.programme, now=STARTED)
    over = world.allocation("ann").ends_at
    expiry.expire(programme=world.programme, now=over)
    made = lending.offer(programme=world.programme, now=over)
    assert made is not None
    assert [name for name, _ in rights()] == ["p-first-0003", "s-team"]


def test_an_unused_allocation_is_told_then_pulled_back_on_approval_and_only_once() -> None:
    world = small.running()
    mine = world.allocation("ann")
    told = STARTED + timedelta(days=20)
    small.say(at=told, through=told, usage=(small.work(world.allocation("bob"), start=STARTED),))
    reclaiming.review(programme=world.programme, now=told)
    notice = ReclaimNotice.objects.get(allocation=mine)
    assert notice.deadline == told + timedelta(days=5)
    assert reclaiming.review(programme=world.programme, now=told) is None

    late = told + timedelta(days=6)
    small.say(at=late, through=late)
    plan = reclaiming.review(programme=world.programme, now=late)
    assert plan is not None
    assert plan.state == Decision.State.PROPOSED
    assert world.allocation("ann").servers == 3
    operations.approve_decision(decision=plan, by=world.operator, now=late)
    assert world.allocation("ann").state == Allocation.State.ENDED
    with pytest.raises(StalePlan):
        operations.approve_decision(decision=plan, by=world.operator, now=late)
    assert LedgerEntry.objects.filter(kind="PULLBACK", allocation=mine).count() == 1
    balance = LedgerPosting.objects.filter(account=f"allocation:{mine.key}")
    assert balance.aggregate(n=Sum("amount"))["n"] >= 0


def test_an_exempted_allocation_keeps_its_servers_and_its_notice_falls() -> None:
    world = small.running()
    told = STARTED + timedelta(days=20)
    small.say(at=told, through=told)
    reclaiming.review(programme=world.programme, now=told)
    reclaiming.exempt(
        allocation=world.allocation("ann"), rule="poor-use", by=world.operator, now=told
    )
    late = told + timedelta(days=6)
    small.say(at=late, through=late)
    plan = reclaiming.review(programme=world.programme, now=late)
    assert plan is not None
    operations.approve_decision(decision=plan, by=world.operator, now=late)
    assert world.allocation("ann").state == Allocation.State.ACTIVE
    assert world.allocation("bob").state == Allocation.State.ENDED


def test_every_ledger_entry_sums_to_zero_after_all_kinds_of_writing() -> None:
    test_an_unused_allocation_is_told_then_pulled_back_on_approval_and_only_once()
    sums = LedgerEntry.objects.annotate(n=Sum("postings__amount"))
    assert {e.kind for e in sums} >= {"DEPOSIT", "PULLBACK"}
    assert [e.key for e in sums if e.n != 0] == []


def test_one_step_of_the_loop_twice_changes_nothing_the_second_time() -> None:
    world = small.running()
    now = STARTED + timedelta(days=1)
    first, second = (step(programme=world.programme, now=now) for _ in range(2))
    assert (first.failed, second.failed) == ({}, {})
    assert set(first.made) == {"lending"}
    assert second.made == {}


def test_a_part_of_the_loop_that_fails_is_named_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = small.running()

    def broken(**_facts: object) -> None:
        raise RuntimeError("no solver")

    monkeypatch.setattr(promotion, "promote", broken)
    done = step(programme=world.programme, now=STARTED)
    assert done.failed == {"waitlist": "RuntimeError: no solver"}
    assert "lending" in done.made


def test_applications_of_a_decided_round_say_what_became_of_them() -> None:
    world = small.decided()
    states = dict(Application.objects.values_list("applicant__username", "state"))
    assert states == {"ann": "awarded", "bob": "awarded", "cho": "waitlisted"}
    assert world.call.key == "first"
