"""A hub with many rows in every list, for `bench.pages`. Made from the tests' running world.

- Who looks has long lists too: the applicant has a fifth of the projects, the reviewer 45
  assignments, and everything else is spread over 100 organisations.
- Rows are written in bulk, but the audit's through its own operation: its chain must verify.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction
from tests.browser.world import NOW, POINTS
from tests.integration.operated import LATER, STARTED, Operated, running_world

from dure.hub import clock
from dure.hub.allocations.models import (
    Allocation,
    Decision,
    LentRight,
    Outcome,
    Project,
    ReclaimNotice,
    WaitlistEntry,
)
from dure.hub.audit.operations import record
from dure.hub.calls.models import Application, Call
from dure.hub.market.models import Listing
from dure.hub.notices.operations import tell
from dure.hub.people.models import Organisation
from dure.hub.reviews.models import Assignment, Review, Stage
from dure.hub.supply.models import Pool
from dure.hub.usage.models import LedgerEntry, LedgerPosting, UsageSegment
from dure.vocabulary.plans import Reason

ORGANISATIONS = 100
OWN_SHARE = 5  # every fifth project is the applicant's organisation's
WAITING, MODELS, NOTICES, EVENTS = 300, 100, 1_000, 5_000
REVIEWS = 45  # three a project, shared by the 66 reviewers of the demo
SEGMENTS_EACH = 2
AWARDED = Reason(code="round.awarded", params={"servers": 1, "pool": "naver-h200-a", "rank": 1})


def make(*, projects: int, per_project: int) -> None:
    with transaction.atomic():
        operated = running_world()
        made = _projects(operated, projects)
        allocations = _allocations(made, per_project)
        _ledger(allocations)
        _usage(allocations)
        _waiting(made[:WAITING])
        _reviews(operated)
        _models(made[:MODELS])
        _told(operated)
        _reclaim(allocations[::50])
        for n in range(EVENTS):
            record(by=operated.world.operator, what="bench.seeded", subject=f"row {n}", at=LATER)


def rehearse() -> None:
    """Sets this process's clock to the world's."""
    clock.rehearse(LATER)


def addresses() -> Iterator[tuple[str, str, str]]:
    """Role, username and address of every list, and of where each role starts."""
    call, last = Call.objects.get(key="kr-2026-r1").key, "?page=100"
    number = Decision.objects.get(kind="round").number
    readers: dict[str, tuple[str, tuple[str, ...]]] = {
        "visitor": ("", ("/", "/calls/", f"/calls/{call}/", "/models/")),
        "applicant": (
            "applicant",
            ("/applications/", "/calls/", "/allocations/", "/ledger/", "/notices/", "/models/"),
        ),
        "reviewer": ("reviewer1", ("/reviews/", "/notices/")),
        "operator": (
            "operator",
            (
                "/operate/",
                f"/rounds/{call}/",
                f"/rounds/{call}/?text=과제",
                f"/decisions/kr-gpu-2026/{number}/",
                "/allocations/",
                f"/allocations/{last}",
                "/allocations/?state=active&text=과제",
                "/clusters/",
                "/clusters/naver-h200-a/",
                "/ledger/",
                f"/ledger/{last}",
                "/ledger/balances/",
                "/months/",
                "/months/2026/3/",
                "/audit/",
                f"/audit/{last}",
                "/notices/",
            ),
        ),
        "provider": ("provider", ("/clusters/", "/calls/")),
        "auditor": ("auditor", ("/audit/", "/ledger/", "/months/", "/operate/")),
    }
    for role, (username, paths) in readers.items():
        for path in paths:
            yield role, username, path


def _projects(operated: Operated, count: int) -> list[Project]:
    call = Call.objects.get(pk=operated.world.call.pk)
    own = operated.world.applicant
    others = Organisation.objects.bulk_create(
        Organisation(
            name=f"기관 {n}", sector="industry", region="capital", registration_number=f"bench-{n}"
        )
        for n in range(ORGANISATIONS)
    )
    applications = Application.objects.bulk_create(
        Application(
            call=call,
            number=f"many-{n}",
            organisation=others[n % ORGANISATIONS] if n % OWN_SHARE else own.organisation,
            applicant=own,
            state=Application.State.AWARDED if n >= WAITING else Application.State.WAITLISTED,
            title=f"과제 {n}",
            amount=1,
            rank=1_000 + n,
            score="71.5",
            track="industry",
            size_class="small",
            created_at=NOW,
            submitted_at=NOW,
        )
        for n in range(count)
    )
    decision, pool = Decision.objects.get(kind="round"), Pool.objects.get(key="naver-h200-a")
    Outcome.objects.bulk_create(
        Outcome(
            decision=decision,
            application=application,
            outcome="awarded",
            pool=pool,
            servers=1,
            reason=AWARDED.model_dump(mode="json"),
        )
        for application in applications
    )
    return Project.objects.bulk_create(
        Project(
            programme=call.programme,
            key=f"p-{application.number}",
            title=application.title,
            organisation=application.organisation,
            application=application,
        )
        for application in applications
    )


def _allocations(projects: list[Project], each: int) -> list[Allocation]:
    pools = list(Pool.objects.order_by("key"))
    live = {0: Allocation.State.ACTIVE, 1: Allocation.State.OFFERED}
    return Allocation.objects.bulk_create(
        Allocation(
            key=f"{project.key}-a{n}",
            project=project,
            pool=pools[n % len(pools)],
            servers=1,
            starts_at=STARTED,
            ends_at=STARTED + timedelta(days=120 + n),
            state=live.get(n, Allocation.State.ENDED),
        )
        for project in projects
        for n in range(each)
    )


def _ledger(allocations: list[Allocation]) -> None:
    reason = {"code": "ledger.deposit", "params": {"amount": 1, "pool": "x"}}
    entries = LedgerEntry.objects.bulk_create(
        LedgerEntry(key=f"d-{a.key}", kind="DEPOSIT", at=LATER, allocation=a, reason=reason)
        for a in allocations
    )
    LedgerPosting.objects.bulk_create(
        LedgerPosting(entry=entry, account=account, amount=amount)
        for entry in entries
        for account, amount in (("pool:x:programme", -1), (f"allocation:{entry.key}", 1))
    )


def _usage(allocations: list[Allocation]) -> None:
    UsageSegment.objects.bulk_create(
        UsageSegment(
            cluster_id=allocation.pool.cluster_id,
            pool=allocation.pool,
            job=f"j-{allocation.key}-{n}",
            attempt=1,
            kind="owner",
            allocation=allocation,
            project=allocation.project,
            username="applicant",
            accelerators=8,
            starts_at=STARTED + timedelta(days=n),
            ends_at=STARTED + timedelta(days=n, hours=6),
            outcome="completed",
        )
        for allocation in allocations
        for n in range(SEGMENTS_EACH)
    )


def _waiting(projects: list[Project]) -> None:
    first = WaitlistEntry.objects.count() + 1
    WaitlistEntry.objects.bulk_create(
        WaitlistEntry(application=project.application, project=project, position=n, since=LATER)
        for n, project in enumerate(projects, start=first)
    )
    pool = Pool.objects.get(key="naver-h200-a")
    LentRight.objects.bulk_create(
        LentRight(project=project, pool=pool, order=n, max_accelerators=8, since=LATER)
        for n, project in enumerate(projects, start=first)
    )


def _reviews(operated: Operated) -> None:
    reviewer = operated.world.reviewer
    applications = Application.objects.filter(number__startswith="many-").order_by("pk")
    stage = Stage.objects.get(call=operated.world.call)
    assigned = Assignment.objects.bulk_create(
        Assignment(
            stage=stage,
            application=application,
            reviewer=reviewer,
            assigned_at=NOW,
            due_at=stage.due_at,
        )
        for application in applications[:REVIEWS]
    )
    Review.objects.bulk_create(
        Review(assignment=assignment, points=POINTS, submitted_at=NOW)
        for assignment in assigned[: REVIEWS // 2]
    )


def _models(projects: list[Project]) -> None:
    Listing.objects.bulk_create(
        Listing(
            project=project,
            slug=f"model-{project.key}",
            name="모델",
            summary="요약",
            licence="Apache-2.0",
            state=Listing.State.PUBLISHED,
            published_at=NOW,
        )
        for project in projects
    )


def _told(operated: Operated) -> None:
    people = (operated.world.applicant, operated.world.operator, operated.world.reviewer)
    for n in range(NOTICES):
        tell(people=people, subject=f"many-{n}", reason=AWARDED, now=NOW)


def _reclaim(allocations: list[Allocation]) -> None:
    params = {"days": 30, "use": 28, "below": 30, "servers": 1, "of_servers": 1}
    reason = {
        "code": "reclaim.notice_occupancy",
        "params": {**params, "deadline": "2026-04-24"},
    }
    ReclaimNotice.objects.bulk_create(
        ReclaimNotice(
            allocation=allocation,
            rule="low-occupancy",
            given_at=LATER,
            deadline=LATER + timedelta(days=14),
            reason=reason,
        )
        for allocation in allocations
    )
