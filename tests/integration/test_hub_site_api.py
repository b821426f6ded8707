"""The site API as an agent meets it: credentials, the desired state, refusals as problems."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest
from django.test import Client
from tests.integration import small
from tests.integration.small import DECIDED, NOW, STARTED

from dure.client import Patience, Refused, SiteClient
from dure.hub import clock
from dure.hub.allocations import operations
from dure.hub.allocations.desired import touch
from dure.hub.people.gate import STEWARD
from dure.hub.supply import operations as supply
from dure.hub.supply.models import Cluster, EnrolmentToken, SiteCredential
from dure.hub.wsgi import application
from dure.protocol import Enrolment, Report

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_connection")]

AGENT = {"agent_version": "0.1.0", "engine": "simulated"}


class Clock:
    """The hub's clock, set by the test."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(autouse=True)
def hubs_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(clock, "now", made)
    return made


def client(token: str | None) -> SiteClient:
    transport = httpx.WSGITransport(app=application)
    return SiteClient("http://localhost", token, transport=transport, patience=Patience(tries=1))


def enrolment() -> str:
    return supply.issue_enrolment_token(cluster=small.cluster(), by=STEWARD, now=clock.now())


def enrolled() -> str:
    """A credential's secret, got as an agent gets it."""
    made = client(None).enrol(Enrolment(token=enrolment(), **AGENT))
    return made.token.get_secret_value()


def refused(token: str) -> bool:
    with httpx.Client(transport=httpx.WSGITransport(app=application)) as asking:
        answer = asking.get(
            "http://localhost/api/v1/site/desired", headers={"authorization": f"Bearer {token}"}
        )
    return answer.status_code == 401


def test_an_enrolment_token_is_good_once() -> None:
    small.load()
    token = enrolment()
    made = client(None).enrol(Enrolment(token=token, **AGENT))
    assert (made.cluster, made.expires) == ("centre-a", NOW + supply.CREDENTIAL_LIFETIME)
    with pytest.raises(Refused) as again:
        client(None).enrol(Enrolment(token=token, **AGENT))
    assert (again.value.status, again.value.problem.type) == (401, "token-refused")


def test_an_enrolment_token_ends_after_a_day(hubs_clock: Clock) -> None:
    small.load()
    token = enrolment()
    hubs_clock.at = NOW + supply.ENROLMENT_LIFETIME
    with pytest.raises(Refused):
        client(None).enrol(Enrolment(token=token, **AGENT))
    assert not SiteCredential.objects.exists()


def test_a_new_enrolment_ends_the_credentials_before_it() -> None:
    small.load()
    lost = enrolled()
    found = enrolled()
    assert refused(lost)
    assert not refused(found)


def test_only_hashes_of_tokens_are_kept() -> None:
    small.load()
    token, secret = enrolment(), enrolled()
    stored = {
        *EnrolmentToken.objects.values_list("sha256", flat=True),
        *SiteCredential.objects.values_list("sha256", flat=True),
    }
    assert not stored & {token, secret}
    assert {supply.digest(token), supply.digest(secret)} <= stored


def test_the_old_credential_holds_until_the_new_one_is_first_used() -> None:
    small.load()
    old = enrolled()
    lost = client(old).rotate().token.get_secret_value()
    assert not refused(old)
    fresh = client(old).rotate().token.get_secret_value()
    assert not refused(old)
    assert not refused(fresh)
    assert refused(old)
    assert refused(lost)


def test_a_credential_ends_after_its_life(hubs_clock: Clock) -> None:
    small.load()
    secret = enrolled()
    hubs_clock.at = NOW + supply.CREDENTIAL_LIFETIME - timedelta(seconds=1)
    assert not refused(secret)
    hubs_clock.at += timedelta(seconds=1)
    assert refused(secret)


def test_the_desired_state_is_sent_whole_and_only_when_it_is_new() -> None:
    world = small.decided()
    agent = client(enrolled())
    first = agent.desired()
    assert first is not None
    assert first.bindings == ()
    assert agent.desired(known=first.revision) is None
    operations.sign_agreement(allocation=world.allocation("ann"), by=world["ann"], now=DECIDED)
    second = agent.desired(known=first.revision)
    assert second is not None
    assert second.revision > first.revision
    assert [b.allocation for b in second.bindings] == [world.allocation("ann").key]


def test_a_change_elsewhere_is_not_news_to_this_cluster() -> None:
    small.decided()
    agent = client(enrolled())
    first = agent.desired()
    assert first is not None
    touch([small.cluster("leased-b")])
    assert agent.desired(known=first.revision) is None


def test_an_unchanged_state_is_answered_with_its_etag_and_no_body() -> None:
    small.load()
    headers = {"authorization": f"Bearer {enrolled()}"}
    first = Client(headers=headers).get("/api/v1/site/desired")
    again = Client(headers={**headers, "if-none-match": first["ETag"]}).get("/api/v1/site/desired")
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])


def test_a_wait_longer_than_the_bound_is_not_a_request_of_this_api() -> None:
    small.load()
    headers = {"authorization": f"Bearer {enrolled()}"}
    answer = Client(headers=headers).get("/api/v1/site/desired?wait_s=26")
    assert (answer.status_code, answer.json()["type"]) == (422, "invalid")


def test_a_report_of_another_cluster_is_a_conflict() -> None:
    small.load()
    with pytest.raises(Refused) as error:
        client(enrolled()).report(Report(cluster="leased-b", sequence=1, said_at=NOW))
    assert (error.value.status, error.value.problem.type) == (409, "other-cluster")
    assert Cluster.objects.get(key="leased-b").last_seen_at is None


def test_a_record_that_cannot_be_true_is_named_in_the_problem(hubs_clock: Clock) -> None:
    world = small.running()
    hubs_clock.at = STARTED + timedelta(days=1)
    record = small.work(world.allocation("ann"), start=STARTED, job="J", project="nobody")
    report = Report(cluster="centre-a", sequence=1, said_at=STARTED, usage=(record,))
    with pytest.raises(Refused) as error:
        client(enrolled()).report(report)
    assert error.value.status == 422
    assert error.value.problem.type == "report-refused"
    assert error.value.problem.detail.startswith("usage of job J, attempt 1, from 2026-03-0")
    assert error.value.problem.detail.endswith("there is no project nobody")


@pytest.mark.parametrize("revision", [-1, 2**63])
def test_a_revision_that_cannot_be_is_not_a_report(revision: int) -> None:
    small.load()
    body = {"cluster": "centre-a", "sequence": 1, "said_at": NOW.isoformat()}
    answer = Client(headers={"authorization": f"Bearer {enrolled()}"}).post(
        "/api/v1/site/reports",
        {**body, "applied_revision": revision},
        content_type="application/json",
    )
    assert answer.status_code == 422
    assert "applied_revision" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("job", "x" * 101), ("username", "nul\x00"), ("project", "nul\x00"), ("accelerators", 0)],
)
def test_what_no_database_can_store_is_refused_by_its_place(name: str, value: object) -> None:
    world = small.running()
    record = small.work(world.allocation("ann"), start=STARTED).model_dump(mode="json")
    body = {"cluster": "centre-a", "sequence": 1, "said_at": STARTED.isoformat()}
    answer = Client(headers={"authorization": f"Bearer {enrolled()}"}).post(
        "/api/v1/site/reports",
        {**body, "usage": [{**record, name: value}]},
        content_type="application/json",
    )
    assert (answer.status_code, answer.json()["type"]) == (422, "invalid")
    assert f"usage.0.{name}" in answer.json()["detail"]


def test_a_refusal_has_the_shape_of_a_problem_document() -> None:
    small.load()
    answer = Client().get("/api/v1/site/desired")
    assert answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "detail"}
