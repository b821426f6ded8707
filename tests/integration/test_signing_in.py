"""Signing in: a guesser is stopped, the person at another place is not, and is told what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import caches
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings
from tests.integration import small

from dure.hub.people.models import Role
from dure.hub.people.operations import set_password
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
