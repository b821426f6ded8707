"""Signing in: a guesser is stopped, the person elsewhere is not; tokens are listed and revoked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest
from django.core.cache import caches
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings
from tests.integration import small
from typer.testing import CliRunner

from dure.cli.main import app
from dure.hub import clock
from dure.hub.audit.models import Event
from dure.hub.people.models import PersonalToken, Role, User
from dure.hub.people.operations import issue_token, set_password
from dure.hub.people.sign_in_limit import BY_NAME, BY_NAME_AND_ADDRESS, WINDOW_S

pytestmark = pytest.mark.django_db

RIGHT = "two rivers meet here"


@pytest.fixture(autouse=True)
def _fresh(settings: Settings) -> Iterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    caches["sign-in"].clear()
    user = small.person("kim", Role.OPERATOR)
    set_password(user=user, password=RIGHT, by=user, now=small.NOW)
    yield
    caches["sign-in"].clear()


def tried(password: str, address: str = "192.0.2.1", language: str = "en") -> HttpResponse:
    client = Client(headers={"accept-language": language}, REMOTE_ADDR=address)
    form = {"username": "kim", "password": password, "next": ""}
    return client.post("/login/", form)  # type: ignore[return-value]  # the test client's own class


def test_after_five_wrong_passwords_even_the_right_one_waits_and_both_languages_say_so() -> None:
    for _ in range(BY_NAME_AND_ADDRESS):
        wrong = tried("guess")
        assert wrong.status_code == 200
        assert "is not right" in wrong.content.decode()
    refused = tried(RIGHT)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, str(WINDOW_S))
    assert "Please wait 15 minutes" in refused.content.decode()
    assert tried(RIGHT, language="ko").status_code == 429


def test_the_person_signs_in_elsewhere_while_a_guesser_is_stopped() -> None:
    for _ in range(BY_NAME_AND_ADDRESS + 1):
        tried("guess", address="198.51.100.7")
    assert tried(RIGHT).status_code == 302


def test_a_guesser_at_many_addresses_is_stopped_too() -> None:
    for n in range(BY_NAME):
        tried("guess", address=f"198.51.100.{n}")
    assert tried(RIGHT).status_code == 429


def test_slips_before_the_right_password_are_forgotten() -> None:
    for _ in range(3):
        for _ in range(BY_NAME_AND_ADDRESS - 1):
            tried("guess")
        assert tried(RIGHT).status_code == 302


def token_of(name: str) -> str:
    user = User.objects.get(username=name)
    return issue_token(user=user, label=f"{name}'s script", by=user, now=clock.now())


def asks(token: str) -> int:
    bearer = {"authorization": f"Bearer {token}"}
    return Client().get("/api/v1/tokens", headers=bearer).status_code


def test_a_revoked_token_opens_nothing_and_another_s_is_not_there() -> None:
    small.person("lee", Role.APPLICANT)
    own, others = token_of("kim"), token_of("lee")
    bearer = {"authorization": f"Bearer {own}"}
    (listed,) = Client().get("/api/v1/tokens", headers=bearer).json()
    assert (listed["label"], listed["revoked"]) == ("kim's script", None)
    theirs = PersonalToken.objects.get(user__username="lee").pk
    assert Client().delete(f"/api/v1/tokens/{theirs}", headers=bearer).status_code == 404
    assert asks(others) == 200
    assert Client().delete(f"/api/v1/tokens/{listed['id']}", headers=bearer).status_code == 204
    assert asks(own) == 401


def test_a_person_revokes_their_token_on_the_page_and_it_is_in_the_audit_chain() -> None:
    secret = token_of("kim")
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.get(username="kim"))
    token = PersonalToken.objects.get()
    shown = client.get("/tokens/").content.decode()
    assert "kim&#x27;s script" in shown
    assert secret not in shown
    said = client.post(f"/tokens/{token.pk}/revoke/", follow=True).content.decode()
    assert "is revoked." in said
    assert asks(secret) == 401
    client.post(f"/tokens/{token.pk}/revoke/")
    event = Event.objects.get(what="token.revoked")
    assert (event.subject, event.detail["token"]) == ("user:kim", token.pk)
    small.person("lee", Role.APPLICANT)
    client.force_login(User.objects.get(username="lee"))
    assert client.post(f"/tokens/{token.pk}/revoke/").status_code == 404
    assert "kim" not in client.get("/tokens/").content.decode().split("<main")[1]


def test_the_page_of_tokens_is_paged_and_costs_few_queries(
    django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    for _ in range(30):
        token_of("kim")
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.get(username="kim"))
    with django_assert_max_num_queries(12):
        page = client.get("/tokens/").content.decode()
    assert "Page 1 of 2" in page


def test_the_console_lists_and_revokes_a_token_by_number() -> None:
    secret = token_of("kim")
    number = str(PersonalToken.objects.get().pk)
    hub = partial(CliRunner().invoke, app, env={"LC_ALL": "C.UTF-8"})
    (listed,) = json.loads(hub(["hub", "tokens", "kim", "--json"]).output)["tokens"]
    assert str(listed["id"]) == number
    wrong = hub(["hub", "revoke-token", "kim", "999"])
    assert (wrong.exit_code, "kim has no token 999" in wrong.output) == (1, True)
    assert asks(secret) == 200
    assert "is revoked" in hub(["hub", "revoke-token", "kim", number]).output
    assert asks(secret) == 401
    assert ", revoked " in hub(["hub", "tokens", "kim"]).output
