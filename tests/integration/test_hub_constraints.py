"""Every named constraint is violated once, past all operations, and the database refuses.

The tables are complete by reflection: a new constraint without an entry here fails a test.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.db.models import CheckConstraint, F, UniqueConstraint
from tests.integration import small
from tests.integration.small import APRIL, DECIDED, MARCH_ENDS, NOW, STARTED, outage, say, work

from dure.hub.allocations.models import (
    Allocation,
    Approval,
    Decision,
    LentRight,
    Outcome,
    ReclaimNotice,
    Scenario,
    Stretch,
)
from dure.hub.audit.models import ChainHead, Event
from dure.hub.calls.models import Application, Call, DuplicatePair
from dure.hub.incidents.models import (
    DeviceFault,
    Incident,
    IncidentCredit,
    MaintenanceWindow,
    NodeRemoval,
    NodeStatus,
)
from dure.hub.jobs.models import Job
from dure.hub.market.models import Listing
from dure.hub.people.gate import STEWARD
from dure.hub.people.models import Certificate, Organisation, PersonalToken, Sanction, User
from dure.hub.people.operations import issue_token
from dure.hub.reports.models import ClosedMonth
from dure.hub.reports.operations import close_month
from dure.hub.reviews.models import (
    Assignment,
    DeclaredConflict,
    PastProject,
    Stage,
    Verdict,
)
from dure.hub.studies.models import Study, StudyFile
from dure.hub.supply.models import Cluster, EnrolmentToken, Pool, Provider, SiteCredential
from dure.hub.supply.operations import enrol_agent, issue_enrolment_token
from dure.hub.tenders.models import Bid, BidReview, SupplyCall
from dure.hub.usage.models import LedgerEntry, LedgerPosting, NodeOutage, UsageSegment

Change = dict[str, object]

# constraint -> the model, and what is changed on one of its rows
CHECKED: Final[dict[str, tuple[type[models.Model], Change]]] = {
    "bid_agreed_at_a_price": (Bid, {"state": "agreed"}),
    "bid_agreed_price_at_most_the_price": (Bid, {"agreed_price": F("price") + 1}),
    "bid_left_draft_by_submission": (Bid, {"submitted_at": None}),
    "bid_review_points_at_a_time": (BidReview, {"submitted_at": None}),
    "supply_call_closes_later": (SupplyCall, {"closes_at": F("opens_at")}),
    "allocation_ends_later": (Allocation, {"ends_at": F("starts_at")}),
    "allocation_live_has_servers": (Allocation, {"servers": 0}),
    "application_left_draft_by_submission": (Application, {"submitted_at": None}),
    "assignment_withdrawn_at_a_time": (Assignment, {"withdrawn_at": NOW}),
    "call_closes_later": (Call, {"closes_at": F("opens_at")}),
    "certificate_has_a_kind": (Certificate, {"kind": ""}),
    "chain_head_is_one_row": (ChainHead, {"id": 2}),
    "cluster_applies_what_was_desired": (
        Cluster, {"applied_revision": F("desired_revision") + 1},
    ),
    "decision_applied_at_a_time": (Decision, {"state": "applied", "applied_at": None}),
    "duplicate_pair_is_of_two": (DuplicatePair, {"second": F("first")}),
    "duplicate_pair_ruled_at_a_time": (DuplicatePair, {"ruling": "same"}),
    "enrolment_token_expires": (EnrolmentToken, {"expires_at": F("created_at")}),
    "event_sequence_from_one": (Event, {"sequence": 0}),
    "job_ends_when_it_is_over": (Job, {"ended_at": NOW}),
    "job_holds_accelerators": (Job, {"accelerators": 0}),
    "job_was_ordered_by_somebody": (Job, {"submitted_by": None}),
    "job_was_ordered_or_heard_of": (Job, {"order": "", "engine_job": ""}),
    "device_fault_of_an_incident_is_judged": (DeviceFault, {"judged_at": None}),
    "incident_credit_is_something": (IncidentCredit, {"amount": 0}),
    "incident_ended_at_a_time_and_for_a_reason": (Incident, {"state": "ended"}),
    "incident_ends_later": (
        Incident,
        {"state": "ended", "end_reason": {}, "ends_at": F("starts_at") - timedelta(seconds=1)},
    ),
    "maintenance_ends_later": (MaintenanceWindow, {"ends_at": F("starts_at")}),
    "removal_after_failures": (NodeRemoval, {"failures": 0}),
    "removal_decided_by_a_person": (NodeRemoval, {"state": "dismissed"}),
    "ledger_entry_kind_is_known": (LedgerEntry, {"kind": "GIFT"}),
    "ledger_posting_moves_something": (LedgerPosting, {"amount": 0}),
    "ledger_void_names_what_it_voids": (LedgerEntry, {"kind": "VOID"}),
    "listing_published_at_a_time": (Listing, {"state": "published"}),
    "month_is_a_month": (ClosedMonth, {"month": 13}),
    "organisation_has_a_name": (Organisation, {"name": ""}),
    "outage_goes_forward": (NodeOutage, {"ends_at": F("starts_at")}),
    "outcome_servers_for_months": (Outcome, {"months": 0}),
    "outcome_servers_stand_in_a_pool": (Outcome, {"servers": 0}),
    "past_project_was_with_somebody": (PastProject, {"organisation": "", "person": ""}),
    "personal_token_expires": (PersonalToken, {"expires_at": F("created_at")}),
    "pool_has_nodes": (
        Pool, {"nodes": 0, "own_use_nodes": 0, "spare_nodes": 0, "promised_servers": 0},
    ),
    "pool_never_over_promised": (Pool, {"promised_servers": F("nodes") + 1}),
    "pool_nodes_have_accelerators": (Pool, {"accelerators_per_node": 0}),
    "reclaim_notice_deadline_later": (
        ReclaimNotice, {"deadline": F("given_at") - timedelta(seconds=1)},
    ),
    "sanction_ends_later": (Sanction, {"ends_on": F("starts_on") - timedelta(days=1)}),
    "sanction_lifted_later": (Sanction, {"lifted_at": F("recorded_at") - timedelta(seconds=1)}),
    "scenario_planned_or_refused": (Scenario, {"refusal": {"code": "scenario.conflict"}}),
    "site_credential_expires": (SiteCredential, {"expires_at": F("created_at")}),
    "stage_is_due_later": (Stage, {"due_at": F("opened_at")}),
    "study_done_has_its_result": (Study, {"result": None}),
    "study_ends_when_it_is_over": (Study, {"ended_at": None}),
    "study_failed_says_why": (Study, {"failure": {"code": "study.broken"}}),
    "study_file_holds_something": (StudyFile, {"size": 0}),
    "study_plays_something": (Study, {"seeds": 0}),
    "study_running_is_claimed": (Study, {"claim": "somebody's"}),
    "stretch_ends_later": (Stretch, {"ends_at": F("starts_at")}),
    "stretch_has_servers": (Stretch, {"servers": 0}),
    "usage_goes_forward": (UsageSegment, {"ends_at": F("starts_at")}),
    "usage_holds_accelerators": (UsageSegment, {"accelerators": 0}),
    "usage_of_an_owner_names_its_allocation": (UsageSegment, {"allocation": None}),
    "user_role_is_known": (User, {"role": "emperor"}),
    "verdict_tier_of_the_passed": (Verdict, {"passed": False, "tier": 1}),
}  # fmt: skip

# constraint -> the model, and what else is unique on it and so differs in the copy
COPIED: Final[dict[str, tuple[type[models.Model], Change]]] = {
    "application_rank_once_a_call": (Application, {"number": "copy"}),
    "approval_once_a_person": (Approval, {}),
    "bid_once_an_organisation": (Bid, {"number": "copy"}),
    "bid_review_once_a_reviewer": (BidReview, {}),
    "assignment_once_a_reviewer": (Assignment, {}),
    "certificate_once_an_organisation": (Certificate, {}),
    "conflict_declared_once": (DeclaredConflict, {}),
    "decision_numbered_once": (Decision, {}),
    "duplicate_pair_once": (DuplicatePair, {}),
    "event_chain_does_not_fork": (Event, {"sequence": 10_000, "hash": "f" * 64}),
    "job_of_an_engine_once": (Job, {"order": "copy"}),
    "job_ordered_once": (Job, {"engine_job": "copy"}),
    "device_fault_once": (DeviceFault, {}),
    "incident_credit_once": (IncidentCredit, {}),
    "incident_lasting_once_a_node": (Incident, {}),
    "node_status_once": (NodeStatus, {}),
    "removal_stands_once_a_node": (NodeRemoval, {}),
    "ledger_posting_once": (LedgerPosting, {}),
    "lent_right_once_a_pool": (LentRight, {}),
    "month_closed_once": (ClosedMonth, {}),
    "node_outage_once": (NodeOutage, {}),
    "organisation_registered_once": (Organisation, {}),
    "outcome_once": (Outcome, {}),
    "provider_key_once": (Provider, {}),
    "reclaim_notice_open_once_a_rule": (ReclaimNotice, {}),
    "scenario_named_once": (Scenario, {}),
    "stage_once_a_call": (Stage, {"closed_at": DECIDED}),
    "stage_one_open_a_call": (Stage, {"key": "copy"}),
    "stretch_starts_once": (Stretch, {}),
    "study_file_named_once": (StudyFile, {}),
    "usage_segment_once": (UsageSegment, {}),
    "verdict_once_a_stage": (Verdict, {}),
}

NEEDED: Final[dict[type[models.Model], Change]] = {
    Application: {"rank": 1},
    Organisation: {"registration_number": "lessor-number"},
    Outcome: {"servers": 3},
    Stage: {"closed_at": None},
}
"""The row to start from, where not any will do."""

Named = dict[str, tuple[type[models.Model], CheckConstraint | UniqueConstraint]]


def declared() -> Named:
    """Every named constraint of our own models."""
    return {
        constraint.name: (model, constraint)
        for model in apps.get_models()
        if model.__module__.startswith("dure.")
        for constraint in model._meta.constraints
        if isinstance(constraint, CheckConstraint | UniqueConstraint)
    }


def a_world_with_a_row_of_everything() -> None:
    world = small.running()
    mine = world.allocation("ann")
    say(
        at=APRIL,
        through=MARCH_ENDS,
        usage=(work(mine, start=STARTED),),
        nodes=(outage(start=STARTED),),
    )
    say("leased-b", at=APRIL, through=MARCH_ENDS)
    token = issue_enrolment_token(cluster=small.cluster(), by=STEWARD, now=NOW)
    enrol_agent(token=token, now=NOW)
    issue_token(user=world["ann"], label="x", by=world["ann"], now=NOW)
    close_month(programme=world.programme, year=2026, month_number=3, by=STEWARD, now=APRIL)
    DeclaredConflict.objects.create(reviewer=world["reviewer1"], subject="x", declared_at=NOW)
    stage = Stage.objects.create(call=world.call, key="open", opened_at=NOW, due_at=DECIDED)
    Verdict.objects.create(
        stage=stage,
        application=world.applications["ann"],
        passed=True,
        mean="1",
        reason={},
        given_at=NOW,
    )
    organisation, today = world["ann"].organisation, NOW.date()
    assert organisation is not None
    Certificate.objects.create(
        organisation=organisation, kind="k", valid_until=today, recorded_at=NOW
    )
    Sanction.objects.create(
        organisation=organisation, cause="other", starts_on=today, recorded_at=NOW
    )
    DuplicatePair.objects.create(
        call=world.call,
        first=world.applications["ann"],
        second=world.applications["bob"],
        percent=90,
    )
    PastProject.objects.create(reviewer=world["reviewer1"], person="x", year=2025)
    LentRight.objects.create(
        project=mine.project, pool=mine.pool, order=0, max_accelerators=1, since=NOW
    )
    ReclaimNotice.objects.create(
        allocation=mine, rule="r", given_at=DECIDED, deadline=DECIDED, reason={}
    )
    Listing.objects.create(project=mine.project, slug="m", name="m", summary="", licence="MIT")
    Scenario.objects.create(
        decision=world.call.decisions.get(kind="round"),
        name="other",
        change={},
        made_by=world.operator,
        made_at=DECIDED,
        plan={},
        report={},
    )
    _a_bid(world)
    _a_study(world)
    _an_outage(world, mine)
    Job.objects.create(
        cluster=mine.pool.cluster,
        pool=mine.pool,
        project=mine.project,
        order="dure-1",
        engine_job="1",
        submitted_by=world["ann"],
        username="ann",
        accelerators=1,
        asked_at=NOW,
    )


def _a_study(world: small.World) -> None:
    study = Study.objects.create(
        name="x",
        scenario="x",
        policies=["pool"],
        seeds=1,
        days=1,
        asked_by=world.operator,
        asked_at=NOW,
        state="done",
        ended_at=DECIDED,
        result={},
    )
    StudyFile.objects.create(study=study, name="x", size=1, sha256="x", content=b"x")


def _an_outage(world: small.World, allocation: Allocation) -> None:
    pool = allocation.pool
    incident = Incident.objects.create(
        pool=pool, node="n1", cause="failed", severity="low", starts_at=NOW, reason={},
        spare_reason={}, decision=Decision.objects.earliest("pk"),
    )  # fmt: skip
    IncidentCredit.objects.create(
        incident=incident, key="x", allocation=allocation, amount=1, reason={}, at=NOW
    )
    DeviceFault.objects.create(
        pool=pool, node="n1", device="0", kind="xid", code="79", at=NOW, judged_at=NOW,
        incident=incident,
    )  # fmt: skip
    NodeStatus.objects.create(pool=pool, node="n1", state="up", since=NOW, first_seen_at=NOW)
    NodeRemoval.objects.create(pool=pool, node="n1", failures=1, reason={}, proposed_at=NOW)
    MaintenanceWindow.objects.create(
        pool=pool, starts_at=NOW, ends_at=DECIDED, announced_at=NOW, announced_by=world.operator
    )


def _a_bid(world: small.World) -> None:
    call = SupplyCall.objects.create(
        programme=world.programme, key="supply", opens_at=NOW, closes_at=DECIDED
    )
    bid = Bid.objects.create(
        call=call,
        number="supply-001",
        organisation=Organisation.objects.latest("pk"),
        bidder=world["supplier"],
        state="selected",
        price=10,
        created_at=NOW,
        submitted_at=NOW,
    )
    BidReview.objects.create(
        bid=bid,
        reviewer=world["reviewer1"],
        points={"merit": 1},
        assigned_at=NOW,
        submitted_at=NOW,
    )


def _a_row(model: type[models.Model]) -> Any:
    row = model._default_manager.filter(**NEEDED.get(model, {})).first()
    assert row is not None, f"no {model.__name__} to start from"
    return row


def _changed(model: type[models.Model], change: Change) -> None:
    model._default_manager.filter(pk=_a_row(model).pk).update(**change)


def _copied(model: type[models.Model], change: Change) -> None:
    row = _a_row(model)
    row.pk = None
    row._state.adding = True
    for name, value in change.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def _refused_by(violate: Callable[[type[models.Model], Change], None], name: str) -> bool:
    model, constraint = declared()[name]
    change = {**CHECKED, **COPIED}[name][1]
    try:
        with transaction.atomic():
            violate(model, change)
    except IntegrityError as error:
        said = str(error)
    else:
        return False
    if name in said or not isinstance(constraint, UniqueConstraint):
        return name in said
    # SQLite names the columns of a unique constraint, not the constraint.
    columns = {f.name: f"{model._meta.db_table}.{f.column}" for f in model._meta.concrete_fields}
    return all(columns[field] in said for field in constraint.fields)


@pytest.mark.django_db
def test_the_database_refuses_every_violation_by_the_constraints_name() -> None:
    a_world_with_a_row_of_everything()
    let_through = [name for name in CHECKED if not _refused_by(_changed, name)]
    let_through += [name for name in COPIED if not _refused_by(_copied, name)]
    assert let_through == []


def test_every_named_constraint_stands_in_the_tables() -> None:
    kinds = {name: type(constraint) for name, (_, constraint) in declared().items()}
    assert {n for n, kind in kinds.items() if kind is CheckConstraint} == set(CHECKED)
    assert {n for n, kind in kinds.items() if kind is UniqueConstraint} == set(COPIED)
    models_of = {name: model for name, (model, _) in declared().items()}
    assert {n: m for n, (m, _) in (*CHECKED.items(), *COPIED.items())} == models_of
