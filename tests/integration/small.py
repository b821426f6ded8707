"""A small programme at each stage of its life, made through the operations alone.

- `opened` -> `submitted` -> `reviewed` -> `ranked` -> `decided` -> `running`; each begins with the
  one before it.
- Two clusters, one call with seven servers, applicants of two organisations, a lessor, reviewers of
  whom one belongs to an applicant's organisation.
- In `decided`, ann and bob (three servers each) are awarded; cho (four) waits.
- Each stage is made once in a process and put back from its rows after that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from tests.integration.kept import stage

from dure.hub import programmes
from dure.hub.allocations import operations as allocations
from dure.hub.allocations.models import Allocation, Decision, Project
from dure.hub.calls import operations as calls
from dure.hub.calls.models import Application, Call
from dure.hub.people.gate import STEWARD
from dure.hub.people.models import Organisation, Role, User
from dure.hub.people.operations import add_organisation, add_user
from dure.hub.reviews import operations as reviews
from dure.hub.reviews.models import Assignment
from dure.hub.supply.models import Cluster, Pool, Programme
from dure.hub.usage.operations import accept_report
from dure.protocol import NodeRecord, Receipt, Report, UsageRecord
from dure.vocabulary.programme_file import parse_programme

FILE: Final = Path(__file__).with_name("small.yaml")
SEOUL: Final = ZoneInfo("Asia/Seoul")
NOW: Final = datetime(2026, 1, 10, 10, tzinfo=SEOUL)
DECIDED: Final = datetime(2026, 2, 20, 10, tzinfo=SEOUL)
STARTED: Final = datetime(2026, 3, 2, tzinfo=SEOUL)
MARCH_ENDS: Final = datetime(2026, 4, 1, tzinfo=SEOUL)
APRIL: Final = datetime(2026, 4, 3, 9, tzinfo=SEOUL)

ANSWERS: Final[dict[str, object]] = {
    "title": "A model",
    "model": "H200",
    "servers": "3",
    "months": "6",
    "consent": "yes",
}
POINTS: Final = {"merit": 50, "plan": 30}


@dataclass(slots=True)
class World:
    """Who and what there is."""

    programme: Programme
    call: Call
    people: dict[str, User] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)

    def __getitem__(self, name: str) -> User:
        return self.people[name]

    @property
    def operator(self) -> User:
        return self.people["operator"]

    def allocation(self, name: str) -> Allocation:
        """The allocation of the person's application."""
        return Allocation.objects.get(project__application__applicant=self.people[name])


def found_again(made: World) -> Callable[[], World]:
    """How this world is found among its rows."""
    applications = {name: one.pk for name, one in made.applications.items()}

    def find() -> World:
        return World(
            programme=Programme.objects.get(),
            call=Call.objects.get(pk=made.call.pk),
            people={one.username: one for one in User.objects.filter(username__in=made.people)},
            applications={k: Application.objects.get(pk=pk) for k, pk in applications.items()},
        )

    return find


def _rules() -> str:
    return FILE.read_text()  # a test may put another file there


_stage = stage(found_again, _rules)


def organisation(name: str, sector: str, number: str = "") -> Organisation:
    return add_organisation(
        name=name,
        sector=sector,
        region="capital",
        registration_number=number,
        by=STEWARD,
        now=NOW,
    )


def person(username: str, role: Role, belongs: Organisation | None = None) -> User:
    return add_user(username=username, role=role, organisation=belongs, by=STEWARD, now=NOW)


def load() -> Programme:
    rules = parse_programme(FILE.read_text(), file=FILE.name)
    return programmes.load(programme=rules, by=STEWARD, now=NOW)


@_stage
def opened() -> World:
    """The call takes applications."""
    programme = load()
    call = calls.open_call(call=Call.objects.get(key="first"), by=STEWARD, now=NOW)
    university = organisation("Haneul University", "academia")
    company = organisation("Bada", "industry")
    panel = organisation("Panel", "academia")
    members = [
        person("ann", Role.APPLICANT, university),
        person("bob", Role.APPLICANT, company),
        person("cho", Role.APPLICANT, organisation("Cho Labs", "industry")),
        person("lee", Role.APPLICANT, organisation("Lessor", "industry", "lessor-number")),
        person("operator", Role.OPERATOR),
        person("auditor", Role.AUDITOR),
        person("supplier", Role.PROVIDER, organisation("Supplier", "industry", "supplier-number")),
        person("reviewer1", Role.REVIEWER, panel),
        person("reviewer2", Role.REVIEWER, panel),
        person("reviewer3", Role.REVIEWER, university),
    ]
    return World(programme, call, {user.username: user for user in members})


def draft(world: World, name: str, **answers: object) -> Application:
    """A saved draft of the person."""
    started = calls.start_application(call=world.call, by=world[name], now=NOW)
    return calls.save_draft(
        application=started, answers={**ANSWERS, **answers}, by=world[name], now=NOW
    )


def submit(world: World, name: str, **answers: object) -> Application:
    made = calls.submit_application(
        application=draft(world, name, **answers), by=world[name], now=NOW
    )
    world.applications[name] = made
    return made


@_stage
def submitted() -> World:
    """Three applications for ten of the seven servers."""
    world = opened()
    for name, servers in (("ann", "3"), ("bob", "3"), ("cho", "4")):
        submit(world, name, servers=servers)
    return world


@_stage
def screened() -> World:
    world = submitted()
    calls.close_call(call=world.call, by=STEWARD, now=NOW)
    calls.screen_call(call=world.call, by=STEWARD, now=NOW)
    return world


@_stage
def reviewing() -> World:
    """Reviewers are assigned."""
    world = screened()
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    return world


@_stage
def ranked() -> World:
    """ann before bob before cho."""
    world = reviewing()
    merit = {world.applications[n].number: 50 - i for i, n in enumerate(("ann", "bob", "cho"))}
    for one in Assignment.objects.select_related("reviewer", "application").order_by("pk"):
        reviews.submit_review(
            assignment=one,
            points={**POINTS, "merit": merit[one.application.number]},
            comment="",
            by=one.reviewer,
            now=NOW,
        )
    reviews.rank_call(call=world.call, by=STEWARD, now=NOW)
    return world


def proposed() -> tuple[World, Decision]:
    """The round is solved and waits for approval."""
    world = ranked()
    return world, allocations.solve_round(call=world.call, by=world.operator, now=DECIDED)


@_stage
def decided() -> World:
    """Two awards wait for their agreements; cho waits."""
    world, plan = proposed()
    allocations.approve_decision(decision=plan, by=world.operator, now=DECIDED)
    return world


def sign(world: World, name: str) -> None:
    """The person accepts what was awarded."""
    allocations.sign_agreement(allocation=world.allocation(name), by=world[name], now=DECIDED)


@_stage
def running() -> World:
    """Both agreements are signed and bound from the first of supply on."""
    world = decided()
    for name in ("ann", "bob"):
        sign(world, name)
    for key in ("centre-a", "leased-b"):
        say(key, at=STARTED)
    return world


def cluster(key: str = "centre-a") -> Cluster:
    return Cluster.objects.select_related("provider__programme").get(key=key)


def pool(key: str = "pool-a") -> Pool:
    return Pool.objects.get(key=key)


def say(
    key: str = "centre-a",
    *,
    at: datetime,
    applied: int | None = None,
    through: datetime | None = None,
    usage: tuple[UsageRecord, ...] = (),
    nodes: tuple[NodeRecord, ...] = (),
    sequence: int = 1,
) -> Receipt:
    """The agent of a cluster reports; without `applied`, that it holds the newest revision."""
    found = cluster(key)
    report = Report(
        cluster=key,
        sequence=sequence,
        said_at=at,
        applied_revision=found.desired_revision if applied is None else applied,
        complete_through=through,
        usage=usage,
        nodes=nodes,
    )
    return accept_report(cluster=found, report=report, now=at)


def work(
    allocation: Allocation, *, start: datetime, hours: int = 10, job: str = "job", **changes: object
) -> UsageRecord:
    """The owner's work on all that the allocation holds."""
    record = UsageRecord(
        job=job,
        attempt=1,
        kind="owner",
        allocation=allocation.key,
        project=allocation.project.key,
        pool=allocation.pool.key,
        username="ann",
        accelerators=allocation.servers * allocation.pool.accelerators_per_node,
        start=start,
        end=start + timedelta(hours=hours),
        outcome="completed",
    )
    return record.model_copy(update=changes)


def outage(
    *, start: datetime, hours: int = 5, node: str = "n1", where: str = "pool-a"
) -> NodeRecord:
    return NodeRecord(
        node=node, pool=where, accelerators=8, start=start, end=start + timedelta(hours=hours)
    )


def projects() -> dict[str, Project]:
    return {p.key: p for p in Project.objects.all()}
