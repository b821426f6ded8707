"""What no browser of ours sends: refused or kept as it is, never an error of the hub."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from tests.integration import small

from dure.hub import clock
from dure.hub.calls.models import Application
from dure.hub.people.gate import Action, may
from dure.hub.people.operations import issue_token
from dure.hub.supply.operations import rotate_credential
from dure.hub.usage.models import UsageSegment

pytestmark = pytest.mark.django_db

NUL = "%00"


@pytest.mark.parametrize(
    "address",
    [
        f"/calls/{NUL}/",
        f"/applications/a{NUL}b/",
        f"/allocations/{NUL}/",
        f"/allocations/{NUL}/sign/",
        f"/clusters/{NUL}/",
        f"/rounds/{NUL}/",
        f"/decisions/{NUL}/1/",
        f"/decisions/small/{2**70}/",
        f"/months/{2**70}/3/",
        f"/reviews/{2**63}/",
        f"/operate/calls/{NUL}/open/",
    ],
)
def test_an_address_of_nothing_is_not_found(address: str) -> None:
    world = small.opened()
    client = Client()
    for name in ("operator", "ann", "reviewer1"):
        client.force_login(world[name])
        assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", [f"/api/v1/rounds/{NUL}", f"/api/v1/rounds/{NUL}/solve"])
def test_an_api_address_of_nothing_is_not_found(address: str) -> None:
    world = small.opened()
    token = issue_token(user=world.operator, label="test", by=world.operator, now=clock.now())
    client = Client(headers={"authorization": f"Bearer {token}"})
    answer = client.post(address) if address.endswith("solve") else client.get(address)
    assert answer.status_code == 404


def test_answers_are_kept_as_every_database_can_hold_them(client: Client) -> None:
    world = small.opened()
    one = small.draft(world, "ann")
    client.force_login(world["ann"])
    typed = {**small.ANSWERS, "title": "a\x00b", "servers": "9" * 5000, "months": "NaN"}
    answer = client.post(f"/applications/{one.number}/edit/", typed)
    assert answer.status_code == 422
    kept = Application.objects.get(pk=one.pk).answers
    assert kept["title"] == "ab"
    assert not {"servers", "months"} & kept.keys()


def test_a_filter_with_a_null_byte_narrows_nothing(client: Client) -> None:
    client.force_login(small.opened().operator)
    for address in ("/audit/?subject=%00", "/allocations/?text=%00", "/ledger/?allocation=%00"):
        assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    "said",
    [
        {"said_at": "2126-01-01T00:00:00Z"},
        {"complete_through": "2126-01-01T00:00:00Z"},
        {"complete_through": "9999-12-31T23:59:59-12:00"},
        {"usage": [{"start": "2126-01-01T00:00:00Z", "end": "2126-01-01T01:00:00Z"}]},
        {"usage": [{"attempt": 2**63}]},
        {"usage": [{"accelerators": 2**31}]},
        {"drift": [{"subject": "a\x00", "expected": "", "found": ""}]},
    ],
)
def test_a_report_that_cannot_be_true_is_refused_and_changes_nothing(
    client: Client, said: dict[str, object]
) -> None:
    world = small.running()
    record = small.work(world.allocation("ann"), start=small.STARTED, hours=1)
    usual = record.model_dump(mode="json")
    usage = said.get("usage", [])
    assert isinstance(usage, list)
    before = small.cluster().complete_through
    _, secret = rotate_credential(cluster=small.cluster(), now=clock.now())
    body = {
        "cluster": "centre-a",
        "sequence": 7,
        "said_at": "2026-03-03T00:00:00Z",
        **said,
        "usage": [{**usual, **changes} for changes in usage],
    }
    answer = client.post(
        "/api/v1/site/reports",
        json.dumps(body),
        content_type="application/json",
        headers={"authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 422
    assert small.cluster().complete_through == before
    assert not UsageSegment.objects.exists()


def test_only_applicants_hold_their_organisations_allocations() -> None:
    """A reviewer or supplier of the same organisation has no part in it, by page or by API."""
    world = small.decided()
    mine = world.allocation("ann")
    assert may(world["ann"], Action.SEE_ALLOCATION, mine)
    assert not may(world["reviewer3"], Action.SEE_ALLOCATION, mine)
