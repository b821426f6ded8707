"""Signing in through a proxy that ends TLS: an https origin reaches the hub over plain HTTP."""

from __future__ import annotations

import re

import pytest
from django.test import Client

HOST = "localhost"


def posted(origin: str) -> int:
    """The answer to a sign-in form that was sent from a page of this origin."""
    client = Client(enforce_csrf_checks=True, headers={"host": HOST})
    page = client.get("/login/").content.decode()
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    form = {"csrfmiddlewaretoken": token[1], "username": "nobody", "password": "nothing"}
    return client.post("/login/", form, headers={"origin": origin}).status_code


@pytest.mark.django_db
def test_a_form_of_the_hub_behind_a_tls_proxy_is_taken() -> None:
    assert posted(f"https://{HOST}") == 200


@pytest.mark.django_db
def test_a_form_of_another_site_is_refused() -> None:
    assert posted("https://elsewhere.example.org") == 403
