"""The operator's pages: who may see which, how many queries a list costs, what a click does.

The role × page and role × action matrices are golden texts: a change of either is read as a diff.
Write them anew with `DURE_WRITE_GOLDEN=1`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings
from tests.integration.asked import played_study
from tests.integration.operated import LATER, STARTED, Operated, outage, ranked_world, running_world

from dure.hub import clock
from dure.hub.allocations import scenarios
from dure.hub.allocations.models import Allocation, Decision, Project, Scenario
from dure.hub.audit.models import Event
from dure.hub.jobs.models import Job
from dure.hub.people.gate import POLICY, Owned
from dure.hub.people.models import Organisation, Role, User
from dure.hub.reports.models import ClosedMonth
from dure.hub.supply.models import Cluster, EnrolmentToken, Pool
from dure.hub.usage.models import LedgerEntry, LedgerPosting
from dure.vocabulary.scenario import Change

pytestmark = [pytest.mark.django_db, pytest.mark.database]

GOLDEN = Path(__file__).parents[1] / "scenarios"
BUDGET = 12
"""Queries of any list page (DESIGN §9)."""

POSTED = (
    "round-solve", "scenario-remove", "decision-withdraw", "decision-replay", "cluster-enrolment",
    "study-cancel", "study-remove", "job-cancel", "incident-release", "removal-decide",
    "maintenance-withdraw",
)  # fmt: skip
"""Addresses that only take a click; the others are looked at."""

AssertQueries = Callable[[int], AbstractContextManager[CaptureQueriesContext]]


@pytest.fixture(autouse=True)
def _plain_passwords_and_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(clock, "now", lambda: LATER)


def signed_in(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def golden(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("DURE_WRITE_GOLDEN"):
        file.write_text(text)
    assert file.read_text() == text


def test_each_role_sees_the_pages_that_the_golden_matrix_says() -> None:
    operated = running_world()
    readers = _readers(operated)
    heads = ("page", *readers)
    rows = [heads]
    for label, address in _addresses():
        statuses = [_status(user, label, address) for user in readers.values()]
        rows.append((label, *statuses))
    golden("role_page_matrix.txt", _aligned(rows))


def test_each_role_may_do_what_the_golden_matrix_says() -> None:
    organisation = Organisation(pk=1, name="one")
    rows: list[tuple[str, ...]] = [("action", *(role.value for role in Role))]
    for action, allows in POLICY.items():
        cells = []
        for role in Role:
            user = User(username=role.value, role=role, organisation=organisation)
            anyones = allows(user, None)
            own, others = allows(user, _Owned(own=True)), allows(user, _Owned(own=False))
            cells.append(_cell(anyones=anyones, own=own, others=others))
        rows.append((action.value, *cells))
    golden("role_action_matrix.txt", _aligned(rows))


@pytest.mark.parametrize(
    "page",
    [
        "allocations",
        "jobs",
        "ledger",
        "clusters",
        "incidents",
        "operate",
        "audit",
        "months",
        "studies",
    ],
)
def test_a_list_costs_the_same_few_queries_however_long_it_is(
    page: str, django_assert_max_num_queries: AssertQueries
) -> None:
    operated = running_world()
    client = signed_in(operated.world.operator)
    with CaptureQueriesContext(connection) as short:
        client.get(reverse(page))
    _lengthen(operated)
    with django_assert_max_num_queries(BUDGET) as long:
        response = client.get(reverse(page))
    assert response.status_code == 200
    assert len(long) <= len(short)


def test_the_round_page_stays_within_the_budget(
    django_assert_max_num_queries: AssertQueries,
) -> None:
    operated = running_world()
    client = signed_in(operated.world.operator)
    address = reverse("round", args=[operated.world.call.key])
    client.get(address)  # the programme's document is parsed once a process
    with django_assert_max_num_queries(BUDGET):
        text = client.get(address).content.decode()
    assert "Proven optimal" in text
    assert "round.awarded" in text


def test_nothing_is_approved_by_looking_and_a_click_on_the_confirmation_approves() -> None:
    operated = ranked_world()
    client = signed_in(operated.world.operator)
    call = operated.world.call.key
    client.post(reverse("round-solve", args=[call]))
    decision = Decision.objects.get(kind="round")
    assert decision.state == Decision.State.PROPOSED
    approve = reverse("decision-approve", args=["kr-gpu-2026", decision.number])
    page = client.get(approve).content.decode()
    assert "3 applications are offered 40 servers" in page
    assert not Allocation.objects.exists()
    client.post(approve)
    decision.refresh_from_db()
    assert decision.state == Decision.State.APPLIED
    assert decision.approved_by == operated.world.operator
    assert Allocation.objects.count() == 3


def test_a_stale_plan_is_refused_with_a_message_and_nothing_is_awarded() -> None:
    operated = ranked_world()
    client = signed_in(operated.world.operator)
    client.post(reverse("round-solve", args=[operated.world.call.key]))
    decision = Decision.objects.get(kind="round")
    decision.programme.generation += 1
    decision.programme.save(update_fields=["generation"])
    approve = reverse("decision-approve", args=["kr-gpu-2026", decision.number])
    answer = client.post(approve, follow=True)
    assert "The programme has moved on" in answer.content.decode()
    assert not Allocation.objects.exists()


def test_a_step_of_a_call_is_taken_only_from_its_confirmation_and_only_when_due() -> None:
    operated = ranked_world()
    call = operated.world.call
    client = signed_in(operated.world.operator)
    answer = client.post(reverse("call-step", args=[call.key, "close"]), follow=True)
    assert "That step is done already, or not due yet." in answer.content.decode()
    call.refresh_from_db()
    assert call.state == "ranked"


def test_outcomes_can_be_narrowed_by_outcome_sector_and_text() -> None:
    operated = running_world()
    client = signed_in(operated.world.operator)
    address = reverse("round", args=[operated.world.call.key])
    by_sector = client.get(address, {"sector": "industry"}).context["page"]
    assert [one.application.organisation.sector for one in by_sector] == ["industry"]
    assert client.get(address, {"text": "기후"}).context["page"].paginator.count == 1
    assert client.get(address, {"outcome": "waitlisted"}).context["page"].paginator.count == 0


def test_an_agreement_is_not_signed_without_the_word_that_the_duties_were_read() -> None:
    operated = running_world()
    offered = Allocation.objects.get(state=Allocation.State.OFFERED)
    client = signed_in(operated.world.applicant)
    address = reverse("agreement-sign", args=[offered.key])
    refused = client.post(address, {"answer": "sign"})
    assert "Please confirm that you have read the duties." in refused.content.decode()
    offered.refresh_from_db()
    assert offered.state == Allocation.State.OFFERED
    client.post(address, {"answer": "sign", "duties_read": "on"})
    offered.refresh_from_db()
    assert offered.state == Allocation.State.ACTIVE
    assert offered.agreed_by == operated.world.applicant


def test_declining_frees_the_servers_at_once() -> None:
    operated = running_world()
    offered = Allocation.objects.select_related("pool").get(state=Allocation.State.OFFERED)
    client = signed_in(operated.world.applicant)
    address = reverse("agreement-sign", args=[offered.key])
    client.post(address, {"answer": "decline", "understood": "on"})
    after = Pool.objects.get(pk=offered.pool.pk)
    assert after.promised_servers == offered.pool.promised_servers - offered.servers


def test_the_enrolment_token_is_shown_once_and_only_its_hash_is_kept() -> None:
    operated = running_world()
    client = signed_in(operated.world.operator)
    answer = client.post(reverse("cluster-enrolment", args=["naver-h200-a"]))
    token = answer.context["token"]
    assert token in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    assert token not in {row.sha256 for row in EnrolmentToken.objects.all()}


def test_a_sites_shortfalls_are_shown_with_the_line_that_mends_them() -> None:
    operated = running_world()
    client = signed_in(operated.world.operator)
    page = client.get(reverse("cluster", args=["naver-h200-a"])).content.decode()
    assert "AccountingStorageEnforce=limits,qos,associations,safe" in page
    assert "running jobs are killed when an hour budget is used up" in page


def test_an_applicant_reads_their_own_use_and_no_one_elses_allocations_or_entries() -> None:
    operated = running_world()
    mine = operated.world.applicant
    client = signed_in(mine)
    page = client.get(reverse("allocations")).context["page"]
    assert {one.project.organisation_id for one in page} == {mine.organisation_id}
    entries = client.get(reverse("ledger")).context["page"]
    assert {one.allocation.project.organisation_id for one in entries} == {mine.organisation_id}
    active = Allocation.objects.get(
        state=Allocation.State.ACTIVE, project__organisation=mine.organisation
    )
    seen = client.get(reverse("allocation", args=[active.key])).context["seen"]
    # Ten runs of 20 hours on all servers, against 29 days of March and what has passed of April.
    assert seen.used == 10 * 20 * 3600 * active.servers * 8
    assert seen.entitled == int((LATER - STARTED).total_seconds()) * active.servers * 8


def test_a_month_is_previewed_before_it_is_closed_and_says_what_stands_in_its_way() -> None:
    operated = running_world()
    client = signed_in(operated.world.operator)
    answer = client.get(reverse("month-close"), {"year": 2026, "month": 4})
    assert "This month cannot be closed yet" in answer.content.decode()
    assert ClosedMonth.objects.count() == 1
    ClosedMonth.objects.all().delete()
    preview = client.get(reverse("month-close"), {"year": 2026, "month": 3})
    assert preview.context["statement"].totals.used > 0
    assert not ClosedMonth.objects.exists()
    client.post(reverse("month-close"), {"year": 2026, "month": 3})
    assert ClosedMonth.objects.get().month == 3


def test_the_statement_downloads_as_table_and_workbook() -> None:
    operated = running_world()
    client = signed_in(operated.auditor)
    table = client.get(reverse("month-csv", args=[2026, 3]))
    assert table.content.decode("utf-8-sig").count("\r\n") > 3
    book = client.get(reverse("month-xlsx", args=[2026, 3]))
    assert book.content.startswith(b"PK")
    assert 'filename="2026-03.xlsx"' in book.headers["Content-Disposition"]


def test_the_balances_page_says_that_the_ledger_sums_to_zero_and_notices_when_it_does_not() -> None:
    operated = running_world()
    client = signed_in(operated.world.operator)
    assert client.get(reverse("ledger-balances")).context["check"].holds
    posting = LedgerPosting.objects.earliest("pk")
    LedgerPosting.objects.filter(pk=posting.pk).update(amount=posting.amount + 1)
    found = client.get(reverse("ledger-balances"))
    assert "The ledger does not balance." in found.content.decode()


def test_the_audit_page_finds_a_changed_event() -> None:
    operated = running_world()
    client = signed_in(operated.auditor)
    assert "The chain is intact" in client.get(reverse("audit"), {"verify": 1}).content.decode()
    Event.objects.filter(sequence=3).update(who="somebody else")
    found = client.get(reverse("audit"), {"verify": 1}).content.decode()
    assert "The chain is broken at event 3" in found
    assert "the event was changed" in found


def test_the_home_page_names_idle_allocations_only_where_the_site_has_reported() -> None:
    operated = running_world()
    client = signed_in(operated.world.operator)
    home = client.get(reverse("operate")).context["home"]
    assert home.idle_total == 2
    assert [cluster.key for cluster in home.late] == ["kakao-b200-a"]
    assert home.notices_total == 1
    Cluster.objects.update(complete_through=LATER - timedelta(days=3))
    assert client.get(reverse("operate")).context["home"].idle_total == 0


class _Owned(Owned):
    def __init__(self, *, own: bool) -> None:
        self.own = own

    def is_of(self, user: User) -> bool:  # noqa: ARG002  # whose it is was said when it was made
        return self.own


def _cell(*, anyones: bool, own: bool, others: bool) -> str:
    if own and not others:
        return "own"
    return "yes" if anyones and others else "-"


def _readers(operated: Operated) -> dict[str, User | None]:
    world = operated.world
    return {
        "visitor": None,
        "applicant": world.applicant,
        "neighbour": world.neighbour,
        "reviewer": world.reviewer,
        "operator": world.operator,
        "provider": operated.provider,
        "auditor": operated.auditor,
    }


def _scenario(name: str = "other", **change: object) -> Scenario:
    return scenarios.add_scenario(
        decision=Decision.objects.get(kind="round"),
        change=Change.model_validate({"name": name, **change}),
        by=User.objects.filter(role=Role.OPERATOR).earliest("pk"),
        now=LATER,
    )


def _job() -> Job:
    mine = Allocation.objects.filter(state=Allocation.State.ACTIVE).earliest("pk")
    return Job.objects.create(
        cluster=mine.pool.cluster,
        pool=mine.pool,
        project=mine.project,
        allocation=mine,
        order="dure-1",
        submitted_by=mine.project.members.get(),
        username="applicant",
        accelerators=8,
        asked_at=LATER,
    )


def _addresses() -> Iterator[tuple[str, str]]:
    offered = Allocation.objects.get(state=Allocation.State.OFFERED).key
    call, programme = "kr-2026-r1", "kr-gpu-2026"
    number = str(Decision.objects.get(kind="round").number)
    scenario, study, job = str(_scenario().pk), str(played_study().pk), str(_job().pk)
    incident, removal, window = outage()
    named: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("operate", ()),
        ("call-step", (call, "close")),
        ("call-reviewers", (call,)),
        ("reviewers-replace", (call,)),
        ("stage-close", (call,)),
        ("my-expertise", ()),
        ("ranking", (call,)),
        ("ranking-reviewers", (call,)),
        ("ranking-sensitivity", (call,)),
        ("round", (call,)),
        ("round-solve", (call,)),
        ("scenarios", (call,)),
        ("scenario-add", (call,)),
        ("scenario", (call, scenario)),
        ("scenario-propose", (call, scenario)),
        ("scenario-remove", (call, scenario)),
        ("decision", (programme, number)),
        ("decision-part", (programme, number, "snapshot")),
        ("decision-approve", (programme, number)),
        ("decision-withdraw", (programme, number)),
        ("decision-replay", (programme, number)),
        ("jobs", ()),
        ("job-new", ()),
        ("job-starts", ()),
        ("job", (job,)),
        ("job-progress", (job,)),
        ("job-cancel", (job,)),
        ("allocations", ()),
        ("allocation", (offered,)),
        ("agreement-sign", (offered,)),
        ("clusters", ()),
        ("cluster", ("naver-h200-a",)),
        ("cluster", ("kakao-b200-a",)),
        ("cluster-enrolment", ("naver-h200-a",)),
        ("incidents", ()),
        ("incident", (incident,)),
        ("incident-release", (incident,)),
        ("removal-decide", (removal, "dismissed")),
        ("maintenance-announce", ()),
        ("maintenance-withdraw", (window,)),
        ("ledger", ()),
        ("ledger-balances", ()),
        ("months", ()),
        ("month", ("2026", "3")),
        ("month-csv", ("2026", "3")),
        ("month-xlsx", ("2026", "3")),
        ("month-close", ()),
        ("studies", ()),
        ("study-ask", ()),
        ("study-ask-text", ()),
        ("study", (study,)),
        ("study-progress", (study,)),
        ("study-report", (study, "ko")),
        ("study-file", (study, "report-ko.html")),
        ("study-cancel", (study,)),
        ("study-remove", (study,)),
        ("audit", ()),
        ("organisations", ()),
        ("organisations-twice", ()),
        ("tokens", ()),
        ("members", (Allocation.objects.get(key=offered).project.key,)),
    )
    for name, args in named:
        # Some are addressed by their row, whose number differs from one database to another.
        rows = (
            (scenario, "SCENARIO"), (study, "STUDY"), (job, "JOB"), (incident, "INCIDENT"),
            (removal, "REMOVAL"), (window, "WINDOW"),
        )  # fmt: skip
        said = (next((name for row, name in rows if arg is row), arg) for arg in args)
        yield " ".join((name, *said)), reverse(name, args=args)


def _status(user: User | None, label: str, address: str) -> str:
    client = Client() if user is None else signed_in(user)
    posted = label.startswith(POSTED)
    return str((client.post if posted else client.get)(address).status_code)


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


def _lengthen(operated: Operated) -> None:
    """Three hundred projects with an allocation and a ledger entry each."""
    model = Allocation.objects.select_related("project", "pool").earliest("pk")
    organisation = operated.world.applicant.organisation
    projects = Project.objects.bulk_create(
        Project(
            programme=model.project.programme,
            key=f"p{n}",
            title=f"P {n}",
            organisation=organisation,
        )
        for n in range(300)
    )
    allocations = Allocation.objects.bulk_create(
        Allocation(
            key=f"{project.key}-a1",
            project=project,
            pool=model.pool,
            servers=1,
            starts_at=model.starts_at,
            ends_at=model.ends_at,
            state=Allocation.State.ACTIVE,
        )
        for project in projects
    )
    entries = LedgerEntry.objects.bulk_create(
        LedgerEntry(
            key=f"d{one.key}",
            kind="DEPOSIT",
            at=LATER,
            allocation=one,
            reason={"code": "ledger.deposit", "params": {"amount": 1, "pool": "x"}},
        )
        for one in allocations
    )
    LedgerPosting.objects.bulk_create(
        LedgerPosting(entry=entry, account=account, amount=amount)
        for entry in entries
        for account, amount in (("pool:x:programme", -1), (f"allocation:{entry.key}", 1))
    )
