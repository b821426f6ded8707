"""The pages of what-if studies: asking by choices and as text, the table, the report, the files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings
from tests.integration import small
from tests.integration.asked import REPORT, SCENARIO, offered, played_study, queued_study
from tests.integration.operated import LATER

from dure.hub import clock
from dure.hub.people.models import User
from dure.hub.portal import uploads
from dure.hub.studies import installed, queue, twin_process
from dure.hub.studies.models import Study
from dure.protocol.study import FileProblem, ScenarioChecked
from dure.twin.scenario_file import parse_scenario
from dure.vocabulary.plans import Reason

pytestmark = [pytest.mark.django_db, pytest.mark.database]

BUDGET = 12
AssertQueries = Callable[[int], AbstractContextManager[CaptureQueriesContext]]
CHOICE = {"name": "Summer", "source": "small-pool", "policies": ["islands", "pool"], "seeds": "2"}


@pytest.fixture(autouse=True)
def _hub(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(clock, "now", lambda: LATER)
    monkeypatch.setattr(twin_process, "offer", offered)
    monkeypatch.setattr(
        twin_process, "check", lambda _text: ScenarioChecked(days=2, policies=("pool",), seeds=1)
    )


@pytest.fixture
def world() -> small.World:
    return small.opened()


def signed_in(user: User, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(user)
    return client


def test_a_study_is_asked_by_choices_and_its_page_follows_it(world: small.World) -> None:
    client = signed_in(world.operator)
    answer = client.post(reverse("study-ask"), {**CHOICE, "days": "5", "load": "90"}, follow=True)
    study = Study.objects.get()
    assert (study.policies, study.seeds, study.asked_by) == (
        ["islands", "pool"], 2, world.operator,
    )  # fmt: skip
    assert parse_scenario(study.scenario, file="x").days == 5
    page = answer.content.decode()
    assert "It is the next to be played." in page
    assert f'data-follow="{reverse("study-progress", args=[study.pk])}"' in page


def test_choices_can_be_taken_on_as_text(world: small.World) -> None:
    answer = signed_in(world.operator).post(reverse("study-ask"), {**CHOICE, "edit": "1"})
    page = answer.content.decode()
    assert "schema: dure.twin/1" in page
    assert f'action="{reverse("study-ask-text")}"' in page
    assert not Study.objects.exists()


def test_what_is_wrong_with_a_text_is_said_at_the_field_with_its_line(
    world: small.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = FileProblem(
        line=5, column=3, field="supply.pools[0].nodes", message="too few", hint="write more"
    )
    monkeypatch.setattr(twin_process, "check", lambda _text: ScenarioChecked(problems=(problem,)))
    typed = {"name": "x", "scenario": SCENARIO, "policies": ["pool"], "seeds": "1"}
    answer = signed_in(world.operator).post(reverse("study-ask-text"), typed)
    assert answer.context["form"].errors["scenario"] == [
        "Line 5: supply.pools[0].nodes: too few: write more"
    ]
    assert "schema: dure.twin/1" in answer.content.decode()
    assert not Study.objects.exists()


def test_a_study_that_was_asked_before_can_be_changed_and_asked_again(world: small.World) -> None:
    study = played_study()
    page = signed_in(world.operator).get(reverse("study-ask-text"), {"from": study.pk})
    form = page.context["form"]
    assert form["scenario"].value() == SCENARIO
    assert form["policies"].value() == ["islands", "pool"]
    assert (
        signed_in(world.operator).get(reverse("study-ask-text"), {"from": "9"}).status_code == 404
    )


def test_a_trace_comes_with_a_study_and_goes_by_a_name_of_ours(world: small.World) -> None:
    trace = SimpleUploadedFile("../evil.csv", b"submit_s,run_s,accelerators\n0,60,8\n")
    signed_in(world.operator).post(reverse("study-ask"), {**CHOICE, "trace": trace})
    study = Study.objects.get()
    assert study.files.get().name == "trace.csv"
    demand = parse_scenario(study.scenario, file="x").demand
    assert demand.trace is not None
    assert demand.trace.file == "trace.csv"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("jobs.csv", b"x" * 2000, "larger than"),
        ("jobs.exe", b"MZ", "Standard Workload Format"),
        ("jobs.csv.gz", b"plain", "Standard Workload Format"),
    ],
)
def test_another_file_or_too_large_a_one_is_refused_and_nothing_is_asked(
    world: small.World, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, said: str
) -> None:
    monkeypatch.setattr(uploads, "LARGEST", 1000)
    given = {**CHOICE, "trace": SimpleUploadedFile(name, content)}
    answer = signed_in(world.operator).post(reverse("study-ask"), given)
    assert said in answer.context["form"].errors["trace"][0]
    assert not Study.objects.exists()


def test_without_allocations_the_programme_cannot_be_played_and_that_is_said(
    world: small.World,
) -> None:
    for project in small.projects().values():
        project.allocations.update(state="ended")
    answer = signed_in(world.operator).post(reverse("study-ask"), {**CHOICE, "source": "programme"})
    assert answer.context["form"].errors["source"][0].startswith("No allocation is active.")


def test_where_the_twin_is_not_installed_the_pages_say_how_to_install_it(
    world: small.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "NEEDED", ("no_such_package",))
    client = signed_in(world.operator)
    for name in ("studies", "study-ask", "study-ask-text"):
        page = client.get(reverse(name)).content.decode()
        assert "missing: no_such_package" in page
        assert "pip install &#x27;dure[twin]&#x27;" in page
    assert 'href="/studies/new/"' not in client.get(reverse("studies")).content.decode()


def test_the_policies_stand_side_by_side_in_the_readers_language(world: small.World) -> None:
    study = played_study()
    address = reverse("study", args=[study.pk])
    english = signed_in(world.operator).get(address).content.decode()
    assert "Choose the pool." in english
    assert "Pool with lending" in english
    assert "+25.1 %" in english
    korean = signed_in(world.operator, "ko").get(address).content.decode()
    assert "풀을 권합니다." in korean
    assert "통합 풀, 유휴 대여" in korean


def test_the_report_runs_nothing_and_is_framed_by_us_alone(world: small.World) -> None:
    study = played_study()
    client = signed_in(world["auditor"])
    answer = client.get(reverse("study-report", args=[study.pk, "ko"]))
    assert answer.content == REPORT
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox;" in policy
    assert "script" not in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    page = client.get(reverse("study", args=[study.pk]))
    assert page.headers["X-Frame-Options"] == "DENY"
    assert " sandbox " in page.content.decode()


def test_files_come_as_downloads_under_their_own_names(world: small.World) -> None:
    study = played_study()
    client = signed_in(world["auditor"])
    answer = client.get(reverse("study-file", args=[study.pk, "report-ko.html"]))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="report-ko.html"'
    assert client.get(f"/studies/{study.pk}/files/secret-key").status_code == 404
    assert client.get(f"/studies/{study.pk}/files/..%2Fsecret-key").status_code == 404


def test_why_a_study_could_not_be_played_is_said_and_markup_in_it_is_escaped(
    world: small.World,
) -> None:
    queued_study()
    study = queue.claim(now=LATER)
    assert study is not None
    said = "trace.csv:3: <script>alert(1)</script>"
    queue.fail(study=study, reason=Reason(code="study.refused", params={"said": said}), now=LATER)
    page = signed_in(world.operator).get(reverse("study", args=[study.pk])).content.decode()
    assert "trace.csv:3: &lt;script&gt;" in page


def test_an_auditor_sees_a_study_and_finds_no_button(world: small.World) -> None:
    study = played_study()
    client = signed_in(world["auditor"])
    for address in (reverse("studies"), reverse("study", args=[study.pk])):
        page = client.get(address).content.decode()
        assert "Remove" not in page
        assert "/studies/new/" not in page


def test_cancelling_twice_is_once_and_what_is_removed_is_gone(world: small.World) -> None:
    client = signed_in(world.operator)
    study = queued_study()
    cancel = reverse("study-cancel", args=[study.pk])
    assert "The study is cancelled." in client.post(cancel, follow=True).content.decode()
    client.post(cancel)
    client.post(reverse("study-remove", args=[study.pk]))
    assert not Study.objects.exists()
    assert client.get(reverse("study", args=[study.pk])).status_code == 404


@pytest.mark.parametrize("name", ["studies", "study", "study-progress", "study-ask"])
def test_no_page_of_studies_asks_the_database_too_often(
    world: small.World, name: str, django_assert_max_num_queries: AssertQueries
) -> None:
    study = played_study()
    for number in range(60):
        queued_study(str(number))
    client = signed_in(world.operator)
    address = reverse(name, args=[study.pk] if name in {"study", "study-progress"} else [])
    client.get(address)  # the programme's document is parsed once a process
    with django_assert_max_num_queries(BUDGET):
        assert client.get(address).status_code == 200


def test_the_list_is_narrowed_and_paged(world: small.World) -> None:
    played_study("done one")
    for number in range(40):
        queued_study(f"queued {number}")
    client = signed_in(world.operator)
    assert client.get(reverse("studies")).context["page"].paginator.num_pages == 2
    assert len(client.get(reverse("studies"), {"state": "done"}).context["page"]) == 1
    assert len(client.get(reverse("studies"), {"text": "queued 3"}).context["page"]) == 11
