"""Eligibility in the hub: the draft's checklist, the records, screening, duplicates, recheck."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest
from django.test import Client
from pytest_django import Settings
from tests.integration import small
from tests.integration.small import NOW, World
from typer.testing import CliRunner

from dure.cli.main import app
from dure.engine.eligibility import Failure
from dure.hub.audit.models import Event
from dure.hub.calls import duplicates
from dure.hub.calls import operations as calls
from dure.hub.calls.checklist import checklist
from dure.hub.calls.models import Application, Call, DuplicatePair
from dure.hub.calls.recheck import ineligible_now
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people import standing
from dure.hub.people.gate import STEWARD, NotPermitted
from dure.hub.people.models import Organisation, Sanction
from dure.hub.people.operations import issue_token
from dure.hub.supply.models import Programme, ProgrammeDocument

pytestmark = pytest.mark.django_db

SAY = {"ko": "요건입니다.", "en": "A requirement."}


@pytest.fixture(autouse=True)
def _january(settings: Settings) -> None:
    settings.DURE_CLOCK_OFFSET_S = round((NOW - datetime.now(UTC)).total_seconds())


def add_rule(**fields: object) -> None:
    """One more rule in the programme in force."""
    document = ProgrammeDocument.objects.get()
    document.rules["eligibility"].append({"id": f"r-{fields['kind']}", "say": SAY, **fields})
    in_force(document)


def in_force(document: ProgrammeDocument) -> None:
    document.save()
    digest = sha256(json.dumps(document.rules).encode()).hexdigest()
    Programme.objects.update(sha256=digest)


def with_partners() -> None:
    """The small programme's partners as a list of organisations."""
    document = ProgrammeDocument.objects.get()
    (field,) = [f for f in document.rules["form"] if f["id"] == "partners"]
    field["kind"] = "organisations"
    in_force(document)


def fresh(world: World) -> World:
    world.call = Call.objects.select_related("programme").get(pk=world.call.pk)
    return world


def codes(failures: tuple[Failure, ...] | list[Failure]) -> list[str]:
    return [f.detail.code for f in failures if f.detail]


def impose(organisation: Organisation | None, **changes: object) -> Sanction:
    assert organisation is not None
    given = {
        "cause": Sanction.Cause.MISUSE,
        "starts_on": date(2026, 1, 1),
        "ends_on": None,
        "note": "",
        **changes,
    }
    return standing.impose_sanction(organisation=organisation, by=STEWARD, now=NOW, **given)  # type: ignore[arg-type]  # the test's own defaults


def test_a_sanction_stops_a_submission_until_it_is_lifted() -> None:
    world = small.opened()
    add_rule(kind="not_sanctioned")
    world = fresh(world)
    imposed = impose(world["ann"].organisation, ends_on=date(2026, 6, 30))
    with pytest.raises(calls.UnableToSubmit) as refused:
        small.submit(world, "ann")
    assert codes(refused.value.problems) == ["screening.sanctioned_until"]
    standing.lift_sanction(sanction=imposed, by=world.operator, now=NOW)
    calls.submit_application(application=Application.objects.get(), by=world["ann"], now=NOW)
    assert list(
        Event.objects.filter(what__startswith="sanction").values_list("what", flat=True)
    ) == [
        "sanction.imposed",
        "sanction.lifted",
    ]


def test_an_overdue_report_counts_from_the_day_it_was_due() -> None:
    world = small.submitted()
    add_rule(kind="no_late_report", days=30)
    impose(
        world["bob"].organisation,
        cause=Sanction.Cause.LATE_REPORT,
        starts_on=NOW.date() - timedelta(days=31),
    )
    impose(
        world["cho"].organisation,
        cause=Sanction.Cause.LATE_REPORT,
        starts_on=NOW.date() - timedelta(days=30),
    )
    calls.close_call(call=world.call, by=STEWARD, now=NOW)
    calls.screen_call(call=fresh(world).call, by=STEWARD, now=NOW)
    refused = Application.objects.get(state="refused")
    assert refused.applicant == world["bob"]
    assert refused.failures[0]["detail"]["params"] == {"days": 31}


def test_a_certificate_is_good_after_its_renewal() -> None:
    world = small.opened()
    add_rule(kind="holds_certificate", certificate="csap", until="term_end")
    draft = small.draft(fresh(world), "ann")  # six months from 2 March
    organisation = draft.organisation
    ends = {date(2026, 9, 1): None, date(2026, 8, 31): "screening.certificate_ends"}
    assert codes(calls.check(application=draft, now=NOW)) == ["screening.no_certificate"]
    for last, code in reversed(ends.items()):
        standing.record_certificate(
            organisation=organisation, kind="csap", valid_until=last, by=STEWARD, now=NOW
        )
        assert codes(calls.check(application=draft, now=NOW)) == ([code] if code else [])


def test_the_second_application_of_an_organisation_is_one_too_many() -> None:
    world = small.submitted()
    add_rule(kind="at_most_applications", limit=1)
    world = fresh(world)
    with pytest.raises(calls.UnableToSubmit) as refused:
        small.submit(world, "ann", title="Another")
    assert codes(refused.value.problems) == ["screening.applied_before"]
    calls.close_call(call=world.call, by=STEWARD, now=NOW)
    calls.screen_call(call=world.call, by=STEWARD, now=NOW)
    assert not Application.objects.filter(state="refused").exists()


def test_a_partner_is_recognised_in_another_language_and_by_its_number() -> None:
    world = small.opened()
    with_partners()
    add_rule(kind="consortium", field="partners", at_least=1, sectors=["academia"])
    world = fresh(world)
    small.organisation("한빛대학교", "academia", "124-81-00998")
    kept = small.draft(world, "bob", partners="Hanbit University\nOthers, 1248100998")
    assert kept.answers["partners"] == [
        {"name": "Hanbit University", "number": ""},
        {"name": "Others", "number": "1248100998"},
    ]
    assert calls.check(application=kept, now=NOW) == []
    for named, code in (
        ("Cho Labs", "screening.no_partner_of_sector"),
        ("임대사", "screening.partner_leases"),
        ("Bada Co., Ltd.", "screening.few_partners"),  # the applicant itself
    ):
        saved = calls.save_draft(
            application=kept,
            answers={**small.ANSWERS, "partners": named},
            by=world["bob"],
            now=NOW,
        )
        assert codes(calls.check(application=saved, now=NOW)) == [code]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("가람, 123-45-67890", "answer.wrong_registration_number"),
        ("12345", "answer.not_an_organisation"),
        ("x" * 201, "answer.not_an_organisation"),
        ("\n".join(f"기관 {n}" for n in range(51)), "answer.too_many_organisations"),
    ],
)
def test_a_list_of_organisations_is_typed_line_by_line(line: str, code: str) -> None:
    world = small.opened()
    with_partners()
    started = calls.start_application(call=fresh(world).call, by=world["ann"], now=NOW)
    with pytest.raises(calls.AnswersInvalid) as refused:
        calls.save_draft(application=started, answers={"partners": line}, by=world["ann"], now=NOW)
    assert refused.value.problems["partners"].code == code


def test_the_draft_page_shows_what_is_met_and_leads_to_what_is_not() -> None:
    world = small.opened()
    add_rule(kind="at_most", field="months", limit=3)
    world = fresh(world)
    draft = small.draft(world, "ann", consent="")
    found = {item.field: item.state for item in checklist(draft, NOW)}
    assert found == {"months": "not_met", "consent": "open", None: "met"}
    client = Client()
    client.force_login(world["ann"])
    page = client.get(f"/applications/{draft.number}/edit/").content.decode()
    assert '<a href="#id_months">' in page
    assert '<a href="#id_consent">' in page


def test_who_became_ineligible_is_told_before_the_round() -> None:
    world = small.screened()
    add_rule(kind="not_sanctioned")
    admitted = list(
        Application.objects.select_related("call__programme", "organisation").order_by("number")
    )
    assert ineligible_now(applications=admitted, now=NOW) == {}
    impose(world["bob"].organisation, starts_on=NOW.date() + timedelta(days=5))
    assert ineligible_now(applications=admitted, now=NOW) == {}
    later = ineligible_now(applications=admitted, now=NOW + timedelta(days=5))
    assert {n: codes(f) for n, f in later.items()} == {
        world.applications["bob"].number: ["screening.sanctioned"]
    }
    assert ineligible_now(applications=[], now=NOW) == {}


def copied() -> tuple[World, DuplicatePair]:
    """bob hands in ann's application."""
    world = small.submitted()
    Application.objects.filter(applicant__username="cho").update(title="Something else")
    assert duplicates.find_duplicates(call=world.call, by=world.operator, now=NOW) == 1
    assert duplicates.find_duplicates(call=world.call, by=world.operator, now=NOW) == 0
    return world, DuplicatePair.objects.get()


def test_the_operator_decides_a_pair_once_and_the_first_is_kept() -> None:
    world, pair = copied()
    assert (pair.first, pair.second) == (world.applications["ann"], world.applications["bob"])
    same = DuplicatePair.Ruling.SAME
    with pytest.raises(NotPermitted):
        duplicates.decide(pair=pair, ruling=same, by=world["ann"], now=NOW)
    duplicates.decide(pair=pair, ruling=same, by=world.operator, now=NOW)
    states = dict(Application.objects.values_list("applicant__username", "state"))
    assert states == {"ann": "submitted", "bob": "refused", "cho": "submitted"}
    assert Event.objects.filter(what="duplicate.same", subject=pair.second.number).count() == 1
    with pytest.raises(duplicates.DecidedAlready):
        duplicates.decide(pair=pair, ruling=same, by=world.operator, now=NOW)


def test_a_pair_that_was_kept_stays_in_the_competition() -> None:
    world, pair = copied()
    different = DuplicatePair.Ruling.DIFFERENT
    duplicates.decide(pair=pair, ruling=different, by=world.operator, now=NOW)
    assert not Application.objects.filter(state="refused").exists()


def test_a_withdrawn_application_makes_no_pair_the_same() -> None:
    world, pair = copied()
    calls.withdraw_application(application=pair.first, by=world["ann"], now=NOW)
    with pytest.raises(NotAtThisStage):
        duplicates.decide(pair=pair, ruling=DuplicatePair.Ruling.SAME, by=world.operator, now=NOW)
    assert DuplicatePair.objects.get().ruling == ""


def test_the_screening_page_lists_pairs_and_takes_the_decision() -> None:
    world, pair = copied()
    client = Client()
    client.force_login(world.operator)
    page = client.get("/calls/first/screening/").content.decode()
    assert pair.first.number in page
    client.post(f"/calls/first/duplicates/{pair.pk}/", {"ruling": "same"})
    refused = client.get("/calls/first/screening/?list=refused").content.decode()
    assert pair.second.number in refused
    assert pair.first.number in refused  # the reason names the one that is kept
    client.force_login(world["ann"])
    assert client.get("/calls/first/screening/").status_code == 404


def test_the_screening_page_asks_few_questions_of_the_database(
    django_assert_max_num_queries: object,
) -> None:
    world, _ = copied()
    Application.objects.bulk_create(
        Application(
            call=world.call,
            number=f"many-{n}",
            organisation=world["ann"].organisation,
            applicant=world["ann"],
            state="refused",
            failures=[{"rule": "r", "field": None, "say": SAY}],
            created_at=NOW,
            submitted_at=NOW,
        )
        for n in range(100)
    )
    client = Client()
    client.force_login(world.operator)
    for chosen in ("duplicates", "refused"):
        with django_assert_max_num_queries(12):  # type: ignore[operator]  # pytest-django's fixture
            assert client.get(f"/calls/first/screening/?list={chosen}").status_code == 200


def test_the_operator_records_a_sanction_and_lifts_it_on_the_organisations_page() -> None:
    world = small.opened()
    organisation = world["ann"].organisation
    assert organisation is not None
    client = Client()
    client.force_login(world.operator)
    page = f"/organisations/{organisation.pk}/"
    wrong = {"record": "sanction", "s-cause": "quit", "s-starts_on": "2026-02-01"}
    assert client.post(page, {**wrong, "s-ends_on": "2026-01-01"}).status_code == 422
    assert client.post(page, {**wrong, "s-note": "gave up"}).status_code == 302
    certificate = {"record": "certificate", "c-kind": "csap", "c-valid_until": "2026-12-31"}
    assert client.post(page, certificate).status_code == 302
    imposed = Sanction.objects.get()
    shown = client.get(page).content.decode()
    assert "gave up" in shown
    assert "csap" in shown
    client.post(f"{page}sanctions/{imposed.pk}/lift/")
    assert Sanction.objects.get().lifted_at is not None
    assert organisation.name in client.get("/organisations/?sought=haneul").content.decode()
    assert organisation.name not in client.get("/organisations/?sought=bada").content.decode()
    client.force_login(world["ann"])
    assert {client.get(p).status_code for p in (page, "/organisations/")} == {404}


@pytest.mark.usefixtures("hub_in_this_process")
def test_the_command_previews_and_screens_only_when_told_to() -> None:
    world = small.submitted()
    add_rule(kind="at_most", field="servers", limit=3)
    token = issue_token(user=world.operator, label="t", by=world.operator, now=NOW)
    door = ["--hub", "http://localhost", "--token", token]
    runner = CliRunner()
    asked = runner.invoke(app, ["round", "screen", "first", "--json", *door])
    view = json.loads(asked.stdout)
    assert (view["applied"], view["judged"]) == (False, 3)
    assert [(row["application"], row["fields"]) for row in view["refused"]] == [
        (world.applications["cho"].number, ["servers"])
    ]
    assert len(view["duplicates"]) == 3  # the three drafts say the same
    refused = runner.invoke(app, ["round", "screen", "first", "--apply", *door])
    assert refused.exit_code == 1  # the call is still open
    assert not Application.objects.filter(state="refused").exists()
    calls.close_call(call=world.call, by=STEWARD, now=NOW)
    done = runner.invoke(app, ["round", "screen", "first", "--apply", *door])
    assert done.exit_code == 0, done.output
    assert "1 of 3 applications were refused" in done.output
    assert Application.objects.get(state="refused").applicant == world["cho"]


TWICE = (
    "The names may mean one organisation, in another language or form: "
    "한빛대학교 and Hanbit University."
)


def test_organisations_registered_twice_are_shown_with_why(
    django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    world = small.opened()
    for n in range(30):
        small.organisation(f"(주) 나래{n}", "industry")
        small.organisation(f"나래{n} 주식회사", "industry")
    small.organisation("한빛대학교", "academia", "124-81-00998")
    small.organisation("Hanbit University", "academia")
    client = Client(headers={"accept-language": "en"})
    client.force_login(world.operator)
    client.get("/organisations/")
    with django_assert_max_num_queries(12):
        first = client.get("/organisations/twice/").content.decode()
    assert "differ only in spaces, marks or legal form: (주) 나래0 and 나래0 주식회사." in first
    last = client.get("/organisations/twice/?page=2").content.decode()
    assert TWICE in last
    assert "124-81-00998" in last
    assert TWICE not in first
    assert "Haneul University" not in first + last
    client.force_login(world["auditor"])
    assert client.get("/organisations/twice/").status_code == 404


def test_a_program_reads_which_organisations_are_registered_twice() -> None:
    world = small.opened()
    first = small.organisation("한빛대학교", "academia", "124-81-00998")
    second = small.organisation("Hanbit University", "academia")
    token = issue_token(user=world.operator, label="t", by=world.operator, now=NOW)
    bearer = {"authorization": f"Bearer {token}", "accept-language": "en"}
    (pair,) = Client().get("/api/v1/organisations/registered-twice", headers=bearer).json()
    assert (pair["first"]["id"], pair["second"]["id"]) == (first.pk, second.pk)
    assert pair["first"]["registration_number"] == "124-81-00998"
    assert pair["evidence"] == [TWICE]
    token = issue_token(user=world["ann"], label="t", by=world["ann"], now=NOW)
    bearer = {"authorization": f"Bearer {token}"}
    path = "/api/v1/organisations/registered-twice"
    assert Client().get(path, headers=bearer).status_code == 404
