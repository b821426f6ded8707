"""Rounds through the hub: what they are made from, who approves, and that they come out again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from html import unescape
from pathlib import Path

import pytest
from django.test import Client
from tests.integration import small
from tests.integration.small import DECIDED, SEOUL, STARTED, World

from dure.engine import allocation as engine
from dure.hub import clock
from dure.hub.allocations import capacity, operations, promotion, replays, round_queries, rounds
from dure.hub.allocations.decisions import ApprovedAlready, StalePlan
from dure.hub.allocations.models import Allocation, Approval, Decision, Outcome, Project
from dure.hub.allocations.round_snapshot import round_months
from dure.hub.calls.models import Application
from dure.hub.notices.models import Notice
from dure.hub.people.gate import STEWARD, NotPermitted
from dure.hub.people.models import Organisation, Role, User
from dure.hub.people.operations import issue_token
from dure.hub.portal.reasons import sentence
from dure.hub.supply.models import Programme
from dure.hub.supply.queries import rules
from dure.vocabulary.plans import Reason

pytestmark = pytest.mark.django_db

Changed = Callable[..., None]
WHY = Reason(code="allocation.standing", params={"holder": "test"})

STARTS = """
  - {id: earliest_start, label: {ko: 시작, en: Start}, kind: date, required: false}
  - {id: latest_start, label: {ko: 늦어도, en: Latest}, kind: date, required: false}
  - {id: consent,"""
CONSENT = "\n  - {id: consent,"
TWO_APPROVALS = "allotment: {approvals: 2}\ncalls:"
B200 = """\
  - {id: B200, name: B200, vendor: NVIDIA, memory_gb: 180, bf16_tflops: 2250, tdp_w: 1000,
     link_gb_per_s: 1800, weight: 2, source: data sheet}
"""
NOT_TOGETHER = """
allotment:
  rules:
    - {id: most, label: {ko: 상한, en: Ceiling}, models: [H200], most: {servers: 1}}
    - {id: least, label: {ko: 하한, en: Floor}, sectors: [academia], least: {servers: 3}}"""
BLOCKS = ("spare_nodes: 1}", "spare_nodes: 1, block_nodes: 2}")


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Changed:
    """Runs the small programme with some of its text replaced."""

    def change(*replaced: tuple[str, str]) -> None:
        text = small.FILE.read_text()
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / "changed.yaml"
        file.write_text(text)
        monkeypatch.setattr(small, "FILE", file)

    return change


@pytest.fixture(autouse=True)
def _day_of_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: DECIDED)


def answer(world: World, name: str, **answers: object) -> None:
    """Changes what a ranked application answered."""
    one = world.applications[name]
    one.refresh_from_db()
    one.answers |= answers
    one.save(update_fields=["answers"])


def solved(world: World, *, now: datetime = DECIDED) -> Decision:
    return operations.solve_round(call=world.call, by=world.operator, now=now)


def snapshot_of(decision: Decision) -> engine.RoundSnapshot:
    return engine.RoundSnapshot.model_validate(decision.snapshot)


def another_operator(name: str = "second") -> User:
    return small.person(name, Role.OPERATOR)


def test_a_round_is_planned_over_the_months_of_its_call() -> None:
    _, decision = small.proposed()
    snapshot = snapshot_of(decision)
    assert snapshot.months == 12
    (offer,) = snapshot.offers
    assert offer.servers == (7,) * 12
    first = snapshot.requests[0]
    assert (first.months, first.earliest, first.latest) == (6, 0, 0)
    assert first.facets == {"first_time": "yes", "young_company": "no"}
    (standing,) = snapshot.held
    assert (standing.model, standing.servers) == ("H200", (3,) * 10 + (0,) * 2)


def test_blocks_hold_what_is_awardable_and_what_was_placed_or_not_is_off_them(
    changed: Changed,
) -> None:
    changed(BLOCKS)
    world = small.ranked()
    project = Project.objects.get(key="s-team")
    ends = datetime(2026, 4, 15, tzinfo=SEOUL)
    for servers, blocks in ((1, [(0, 1)]), (2, [])):
        capacity.promise(
            project=project,
            pool=small.pool(),
            servers=servers,
            starts_at=DECIDED,
            ends_at=ends,
            blocks=blocks,
            reason=WHY,
            by=STEWARD,
            now=DECIDED,
        )
    (offer,) = snapshot_of(solved(world)).offers
    assert offer.block_servers == 2
    assert [block[1] for block in offer.blocks] == [1, 2, 1, 0]
    assert [block[2] for block in offer.blocks] == [2, 2, 2, 1]
    assert offer.servers[:3] == (4, 4, 7)


def test_a_pool_offers_nothing_in_months_in_which_it_is_not_there(changed: Changed) -> None:
    changed(("spare_nodes: 1}", "spare_nodes: 1, available_until: 2026-06-10}"))
    (offer,) = snapshot_of(solved(small.ranked())).offers
    assert offer.servers == (7,) * 3 + (0,) * 9


def test_an_application_starts_within_the_months_it_named(changed: Changed) -> None:
    changed((CONSENT, STARTS))
    world = small.ranked()
    answer(world, "ann", earliest_start="2026-04-20", latest_start="2026-07-01")
    answer(world, "bob", latest_start="2026-05-02")
    requests = {r.application: r for r in snapshot_of(solved(world)).requests}
    ann, bob = requests["first-0001"], requests["first-0002"]
    assert [(one.earliest, one.latest) for one in (ann, bob)] == [(2, 3), (0, 2)]


def test_one_award_follows_another_on_the_same_servers(changed: Changed) -> None:
    changed((CONSENT, STARTS), BLOCKS)
    world = small.ranked()
    answer(world, "cho", months=3, earliest_start="2026-09-01", latest_start="2026-12-01")
    decision = solved(world)
    operations.approve_decision(decision=decision, by=world.operator, now=DECIDED)
    later = world.allocation("cho")
    assert later.servers == 4
    assert world.allocation("ann").ends_at <= later.starts_at
    assert later.starts_at == datetime(2026, 9, 2, tzinfo=SEOUL)
    assert later.ends_at == datetime(2026, 12, 2, tzinfo=SEOUL)
    assert small.pool().promised_servers == 6  # never more than ann's and bob's at one time
    assert sum(servers for _, servers in later.blocks) == 4


def test_an_award_of_another_model_counts_as_its_weight(changed: Changed) -> None:
    changed(
        ("accelerators:\n", f"accelerators:\n{B200}"),
        ("spare_nodes: 1}", "spare_nodes: 1}\n              - {id: pool-c, model: B200, nodes: 9}"),
        ("pools: [pool-a]", "pools: [pool-a, pool-c]"),
    )
    world = small.ranked()
    Application.objects.filter(applicant=world["ann"]).update(models_accepted=["H200", "B200"])
    request = snapshot_of(solved(world)).requests[0]
    assert [(w.model, w.servers, w.minimum, w.weight) for w in request.wishes] == [
        ("H200", 3, 3, Fraction(1)),
        ("B200", 2, 2, Fraction(2)),
    ]


def test_a_plan_made_from_facts_that_changed_meanwhile_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = small.ranked()
    solve = engine.plan

    def meanwhile(*given: object) -> engine.RoundPlan:
        Programme.objects.update(generation=7)
        return solve(*given)  # type: ignore[arg-type]  # passed on as given

    monkeypatch.setattr(engine, "plan", meanwhile)
    with pytest.raises(StalePlan, match="the programme is at 7"):
        solved(world)
    assert not Decision.objects.filter(kind="round").exists()


def test_who_is_no_longer_eligible_is_left_out_and_told_by_which_rule() -> None:
    world = small.ranked()
    lessor = Organisation.objects.get(registration_number="lessor-number")
    Application.objects.filter(applicant=world["ann"]).update(organisation=lessor)
    decision = solved(world)
    assert "first-0001" not in {r.application for r in snapshot_of(decision).requests}
    out = Outcome.objects.get(decision=decision, outcome="ineligible")
    assert out.failures[0]["rule"] == "not-a-lessor"
    page = _client(world.operator).get("/rounds/first/").content.decode()
    assert "1 application is left out" in page
    assert "A lessor receives nothing while it leases." in page
    assert Application.objects.get(applicant=world["ann"]).state == Application.State.RANKED

    operations.approve_decision(decision=decision, by=world.operator, now=DECIDED)
    refused = Application.objects.get(applicant=world["ann"])
    assert refused.state == Application.State.REFUSED
    assert not Project.objects.filter(application=refused).exists()
    told = Notice.objects.get(recipient=world["ann"])
    assert told.reason["params"] == {"rules": "not-a-lessor"}


def test_rules_that_cannot_be_met_together_are_named(changed: Changed) -> None:
    changed(("\ncalls:", f"{NOT_TOGETHER}\ncalls:"))
    world = small.ranked()
    with pytest.raises(rounds.GroupsInConflict) as conflict:
        solved(world)
    assert conflict.value.conflict.groups == ("least", "most")
    page = _client(world.operator).post("/rounds/first/solve/", follow=True).content.decode()
    assert "No plan can keep these rules together." in page
    assert "Floor must take" in page
    assert "Ceiling: servers held in any month, 1 at most." in page
    assert "Raise the cap of Ceiling; the number of servers that is enough is " in page
    token = issue_token(user=world.operator, label="t", by=world.operator, now=DECIDED)
    answered = Client().post(
        "/api/v1/rounds/first/solve",
        headers={"authorization": f"Bearer {token}", "accept-language": "ko"},
    )
    assert answered.status_code == 409
    assert answered.json()["type"] == "groups-in-conflict"
    assert "하한" in answered.json()["detail"]


def test_two_people_approve_where_the_programme_says_so(changed: Changed) -> None:
    changed(("calls:", TWO_APPROVALS))
    world, decision = small.proposed()
    second = another_operator()
    once = operations.approve_decision(decision=decision, by=world.operator, now=DECIDED)
    assert once.state == Decision.State.PROPOSED
    assert not Allocation.objects.exclude(key__startswith="s-").exists()
    with pytest.raises(ApprovedAlready, match="needs 2 different people"):
        operations.approve_decision(decision=decision, by=world.operator, now=DECIDED)
    with pytest.raises(NotPermitted):
        operations.approve_decision(decision=decision, by=world["auditor"], now=DECIDED)
    twice = operations.approve_decision(decision=decision, by=second, now=DECIDED)
    assert (twice.state, twice.approved_by) == (Decision.State.APPLIED, second)
    assert {one.user for one in twice.approvals.all()} == {world.operator, second}
    assert world.allocation("ann").servers == 3


def test_an_approval_is_withdrawn_until_the_plan_is_applied(changed: Changed) -> None:
    changed(("calls:", TWO_APPROVALS))
    world, decision = small.proposed()
    second, third = another_operator(), another_operator("third")
    operations.approve_decision(decision=decision, by=world.operator, now=DECIDED)
    operations.withdraw_approval(decision=decision, by=world.operator, now=DECIDED)
    still = operations.approve_decision(decision=decision, by=second, now=DECIDED)
    assert still.state == Decision.State.PROPOSED
    operations.approve_decision(decision=decision, by=third, now=DECIDED)
    with pytest.raises(StalePlan, match="is applied"):
        operations.withdraw_approval(decision=decision, by=second, now=DECIDED)
    assert Approval.objects.filter(decision=decision).count() == 2


def test_the_page_says_who_has_approved_and_how_many_are_missing(changed: Changed) -> None:
    changed(("calls:", TWO_APPROVALS))
    world, decision = small.proposed()
    first, second = _client(world.operator), _client(another_operator())
    address = f"/decisions/small/{decision.number}"
    kept = first.post(f"{address}/approve/", follow=True).content.decode()
    assert "1 more person has to approve before anything is done." in kept
    assert "Approvals: 1 of 2" in kept
    assert "Withdraw my approval" in kept
    assert "Look and approve" not in kept
    assert "Look and approve" in second.get("/rounds/first/").content.decode()
    done = second.post(f"{address}/approve/", follow=True).content.decode()
    assert f"Plan {decision.number} is approved." in done
    assert world.allocation("ann").servers == 3


def test_a_plan_is_not_applied_once_its_first_month_is_over() -> None:
    world, decision = small.proposed()
    late = datetime(2026, 4, 2, tzinfo=SEOUL)
    with pytest.raises(StalePlan, match="the first of which is over"):
        operations.approve_decision(decision=decision, by=world.operator, now=late)
    in_time = late - timedelta(seconds=1)
    operations.approve_decision(decision=decision, by=world.operator, now=in_time)
    mine = world.allocation("ann")
    assert (mine.starts_at, mine.ends_at) == (in_time, datetime(2026, 9, 2, tzinfo=SEOUL))


def test_a_round_and_a_promotion_come_out_the_same_when_made_again() -> None:
    world = small.decided()
    operations.decline_agreement(allocation=world.allocation("ann"), by=world["ann"], now=DECIDED)
    promoted = promotion.promote(programme=world.programme, by=STEWARD, now=DECIDED)
    assert promoted is not None
    for decision in Decision.objects.filter(kind__in=["round", "waitlist"]):
        assert replays.replay(decision=decision, by=world["auditor"]).same, decision.kind
    with pytest.raises(NotPermitted):
        replays.replay(decision=promoted, by=world["ann"])


def test_a_plan_that_was_changed_differs_and_says_where() -> None:
    world, decision = small.proposed()
    changed = decision.plan
    changed["intents"][0]["servers"] = 2
    Decision.objects.filter(pk=decision.pk).update(plan=changed)
    found = replays.replay(decision=Decision.objects.get(pk=decision.pk), by=world.operator)
    assert not found.same
    assert found.differences == (replays.Difference("intents/first-0001/servers", 2, 3),)
    page = _client(world.operator).post(f"/decisions/small/{decision.number}/replay/")
    assert "intents/first-0001/servers" in page.content.decode()


def test_a_promoted_award_begins_with_supply_and_runs_as_long_as_was_asked() -> None:
    world = small.decided()
    operations.decline_agreement(allocation=world.allocation("ann"), by=world["ann"], now=DECIDED)
    promotion.promote(programme=world.programme, by=STEWARD, now=DECIDED)
    given = world.allocation("cho")
    assert (given.starts_at, given.ends_at) == (STARTED, datetime(2026, 9, 2, tzinfo=SEOUL))
    told = Notice.objects.filter(recipient=world["cho"]).latest("pk")
    assert told.reason["params"] | {"servers": 4, "place": 1, "skipped": 0} == told.reason["params"]


def test_an_applicant_reads_their_own_outcome_once_it_is_decided_and_nobody_elses() -> None:
    world, decision = small.proposed()
    with pytest.raises(NotPermitted):
        round_queries.an_outcome(call="first", application="first-0003", by=world["cho"])
    operations.approve_decision(decision=decision, by=world.operator, now=DECIDED)
    mine = round_queries.an_outcome(call="first", application="first-0003", by=world["cho"])
    assert mine.change is not None
    assert mine.change["code"].startswith("change.")
    with pytest.raises(NotPermitted):
        round_queries.an_outcome(call="first", application="first-0003", by=world["ann"])
    page = _client(world["cho"]).get("/applications/first-0003/").content.decode()
    assert "first-0003" in page
    assert _sentences(mine) <= set(_said(page))


def test_the_months_of_a_late_round_begin_when_it_is_made() -> None:
    small.load()
    document = rules(Programme.objects.get())
    call = document.calls[0]
    late = datetime(2026, 3, 20, 9, tzinfo=SEOUL)
    assert round_months(document, call, now=late).start(1) == datetime(2026, 4, 20, 9, tzinfo=SEOUL)
    assert round_months(document, call, now=DECIDED).start(0) == STARTED


def test_capacity_is_refused_only_for_a_time_in_which_there_is_none() -> None:
    small.load()
    project = Project.objects.get(key="s-team")
    middle, end = STARTED + timedelta(days=30), STARTED + timedelta(days=60)

    def promise(servers: int, starts_at: datetime, ends_at: datetime) -> Allocation:
        return capacity.promise(
            project=project, pool=small.pool(), servers=servers, starts_at=starts_at,
            ends_at=ends_at, reason=WHY, by=STEWARD, now=DECIDED,
        )  # fmt: skip

    first = promise(6, STARTED, middle)
    promise(5, middle, end)
    assert small.pool().promised_servers == 6
    with pytest.raises(capacity.NoRoom, match="has 1 servers free, 2"):
        promise(2, middle - timedelta(days=1), end)
    capacity.shrink(allocation=first, to=0, reason=WHY, by=STEWARD, now=DECIDED)
    assert small.pool().promised_servers == 5


def test_a_shrunken_allocation_gives_up_its_smallest_shares_first() -> None:
    small.load()
    placed = capacity.promise(
        project=Project.objects.get(key="s-team"), pool=small.pool(), servers=6,
        starts_at=STARTED, ends_at=STARTED + timedelta(days=9), blocks=[(0, 1), (1, 3), (2, 2)],
        reason=WHY, by=STEWARD, now=DECIDED,
    )  # fmt: skip
    kept = capacity.shrink(allocation=placed, to=4, reason=WHY, by=STEWARD, now=DECIDED)
    assert kept.blocks == [[1, 3], [2, 1]]


def _client(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def _sentences(outcome: Outcome) -> set[str]:
    told = (outcome.reason, outcome.change)
    return {sentence(one) for one in told if one is not None}


def _said(page: str) -> list[str]:
    lines = page.replace("<p>", "\n").replace("</p>", "\n").split("\n")
    return [unescape(line.strip()) for line in lines]
