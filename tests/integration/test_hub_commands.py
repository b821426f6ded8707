"""What an operator types on the hub's machine: accounts, tokens, and what is said of a mistake."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from tests.integration import small
from typer.testing import CliRunner, Result

from dure.cli.main import app
from dure.hub.allocations import desired
from dure.hub.audit.models import Event
from dure.hub.people.models import Organisation, User
from dure.hub.supply.models import Provider

pytestmark = pytest.mark.django_db

PASSWORD = "two rivers meet here"
ENGLISH = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
KOREAN = {"LC_ALL": "ko_KR.UTF-8"}


def dure(
    *words: str, code: int = 0, typed: str = PASSWORD, terminal: dict[str, str] = ENGLISH
) -> Result:
    result = CliRunner().invoke(app, ["hub", *words], input=f"{typed}\n", env=terminal)
    assert result.exit_code == code, f"{result.output} {result.exception!r}"
    return result


def create(name: str, *words: str, code: int = 0) -> str:
    return dure("create-user", name, "--password-stdin", *words, code=code).output


def test_a_new_organisation_needs_a_sector_and_a_region_that_the_programme_knows() -> None:
    small.load()
    new = ("--organisation", "Sol Institute")
    assert "--sector; there are: academia, industry." in create("kim", *new, code=1)
    wrong = create("kim", *new, "--sector", "academia", "--region", "moon", code=1)
    assert "There is no region moon in the programme; there are: capital." in wrong
    assert not User.objects.exists()
    assert not Organisation.objects.exists()
    fits = ("--sector", "academia", "--region", "capital", "--registration-number", "123-45")
    assert "Sol Institute" in create("kim", *new, *fits, "--fields", "vision, language")
    made = User.objects.get(username="kim")
    assert made.fields_of_expertise == ["vision", "language"]
    assert made.organisation is not None
    assert made.organisation.registration_number == "123-45"
    create("lee", "--registration-number", "123-45")
    assert User.objects.get(username="lee").organisation == made.organisation
    assert "No organisation has" in create("park", "--registration-number", "9", code=1)


def test_a_mistyped_registration_number_is_told_at_its_option_and_nothing_is_made() -> None:
    small.load()
    new = ("--organisation", "Sol", "--sector", "industry", "--region", "capital")
    wrong = create("kim", *new, "--registration-number", "124-81-00999", code=1)
    assert "--registration-number: The registration number 124-81-00999 of Sol is not" in wrong
    assert "check digit" in wrong
    assert not User.objects.exists()
    assert not Organisation.objects.exists()


def test_another_spelling_of_a_number_finds_the_same_organisation() -> None:
    small.load()
    new = ("--organisation", "Sol", "--sector", "industry", "--region", "capital")
    create("kim", *new, "--registration-number", "1248100998")
    assert Organisation.objects.get().registration_number == "124-81-00998"
    create("lee", *new, "--registration-number", "124-81-00998")
    assert Organisation.objects.count() == 1


@pytest.mark.parametrize("number", ["", "U72200KA2013PTC097389", "12-3456789"])
def test_no_number_or_one_of_another_country_is_taken(number: str) -> None:
    assert small.organisation("Elsewhere", "industry", number).registration_number == number


def test_organisations_registered_twice_are_listed_with_why() -> None:
    assert "No organisation seems" in dure("registered-twice").output
    one, other = (small.organisation(name, "industry") for name in ("(주) 두레", "두레 주식회사"))
    said = dure("registered-twice").output
    assert f"{one.pk}, {other.pk}: The names differ only in spaces, marks or legal form" in said
    (pair,) = json.loads(dure("registered-twice", "--json").output)["pairs"]
    assert pair["second"] == {"id": other.pk, "name": "두레 주식회사"}
    assert len(pair["evidence"]) == 1


def test_a_providers_account_sees_the_providers_clusters() -> None:
    small.load()
    for name in ("one", "two"):
        create(name, "--role", "provider", "--provider", "supplier")
        assert small.cluster("centre-a").is_of(User.objects.get(username=name))
        assert not small.cluster("leased-b").is_of(User.objects.get(username=name))
    assert Organisation.objects.count() == 1
    nobody = create("three", "--role", "provider", "--provider", "nobody", code=1)
    assert "There is no provider nobody; there are: lessor, supplier." in nobody
    create("three", "--provider", "supplier", code=2)
    Provider.objects.filter(key="supplier").update(registration_number="")
    refused = create("three", "--role", "provider", "--provider", "supplier", code=1)
    assert "no registration number" in refused


def test_a_weak_password_is_refused_in_the_language_of_the_terminal() -> None:
    weak = ("create-user", "kim", "--password-stdin")
    assert "too short" in dure(*weak, code=1, typed="abc").output
    assert "너무 짧습니다" in dure(*weak, code=1, typed="abc", terminal=KOREAN).output
    assert not User.objects.exists()


def test_what_is_not_there_is_named() -> None:
    small.load()
    assert "There is no account kim." in dure("create-token", "kim", code=1).output
    said = dure("create-enrolment", "nowhere", code=1).output
    assert "There is no cluster nowhere; there are: centre-a, leased-b." in said


def test_results_can_be_read_by_a_program() -> None:
    small.load()
    made = json.loads(create("kim", "--json"))
    assert made == {"user": "kim", "role": "applicant", "organisation": None}
    assert len(json.loads(dure("create-token", "kim", "--json").output)["token"]) > 30
    enrolment = json.loads(dure("create-enrolment", "centre-a", "--json").output)
    assert (enrolment["cluster"], len(enrolment["token"]) > 30) == ("centre-a", True)
    file = str(small.FILE)
    loaded = json.loads(dure("load", file, "--json").output)
    assert loaded == {"programme": "small", "loaded": True, "pools": 2, "calls": ["first"]}
    assert json.loads(dure("migrate", "--json").output) == {"up_to_date": True}


def test_a_forgotten_password_is_set_anew() -> None:
    create("kim")
    dure("set-password", "kim", "--password-stdin", typed="seven hills of iron")
    assert User.objects.get(username="kim").check_password("seven hills of iron")
    assert "too short" in dure("set-password", "kim", "--password-stdin", code=1, typed="x").output
    assert "There is no account lee." in dure("set-password", "lee", code=1).output
    assert Event.objects.filter(what="password.set", subject="user:kim").count() == 1


def test_a_standing_allocation_gets_members_and_its_agent_hears_of_it() -> None:
    small.load()
    create("kim")
    before = small.cluster("leased-b").desired_revision
    for _ in range(2):
        assert "members: kim" in dure("add-member", "s-team", "kim").output
    (binding,) = desired.document(small.cluster("leased-b")).bindings
    assert [member.username for member in binding.members] == ["kim"]
    assert small.cluster("leased-b").desired_revision == before + 1
    assert small.cluster("centre-a").desired_revision == 0
    assert "members: none" in dure("remove-member", "s-team", "kim").output
    assert small.cluster("leased-b").desired_revision == before + 2
    assert [e.what for e in Event.objects.filter(subject="s-team", what__startswith="member")] == [
        "member.added",
        "member.removed",
    ]
    said = dure("add-member", "s-nobody", "kim", code=1).output
    assert "There is no project s-nobody; there are: s-team." in said


def test_a_person_changes_their_own_password_and_stays_signed_in() -> None:
    small.load()
    create("kim")
    visitor = Client(headers={"accept-language": "en"})
    assert visitor.get("/password/").status_code == 302
    visitor.login(username="kim", password=PASSWORD)
    assert 'href="/password/"' in visitor.get("/calls/").content.decode()
    typed = {"old_password": PASSWORD, "new_password1": "x", "new_password2": "x"}
    assert "too short" in visitor.post("/password/", typed).content.decode()
    new = "seven hills of iron"
    good = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    shown = visitor.post("/password/", good, follow=True).content.decode()
    assert "Your password has been changed." in shown
    assert User.objects.get(username="kim").check_password(new)
    assert Event.objects.filter(what="password.set").count() == 1
