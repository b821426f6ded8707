"""The client retries what may be said twice, and names every other end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from dure.client import HubAway, HubClient, Patience, ProtocolMismatch, Refused, SiteClient
from dure.protocol import Enrolment, Report

TOKEN = "a-token-nobody-may-see"  # it is looked for in logs and messages
QUICK = Patience(tries=3, sleep=lambda _: None)
REPORT = Report(cluster="c", sequence=0, said_at=datetime(2026, 3, 1, tzinfo=UTC))
ENROLMENT = Enrolment(token=TOKEN, agent_version="0", engine="local")


class Hub:
    """Answers with the next of a list, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def site(self) -> SiteClient:
        return SiteClient("http://hub", TOKEN, httpx.MockTransport(self), patience=QUICK)

    def user(self) -> HubClient:
        return HubClient("http://hub", TOKEN, httpx.MockTransport(self), patience=QUICK)


def receipt() -> httpx.Response:
    return httpx.Response(200, json={"accepted": 1, "known": 0})


@pytest.mark.parametrize(
    "trouble",
    [httpx.Response(503), httpx.Response(429), httpx.ConnectError("x"), httpx.ReadTimeout("x")],
)
def test_a_report_is_said_again_until_the_hub_answers(trouble: httpx.Response | Exception) -> None:
    hub = Hub(trouble, trouble, receipt())
    assert hub.site().report(REPORT).accepted == 1
    assert len(hub.asked) == 3


def test_tries_are_bounded_and_end_in_hub_away() -> None:
    hub = Hub(httpx.ConnectError("refused"))
    with pytest.raises(HubAway, match="http://hub is away"):
        hub.site().report(REPORT)
    assert len(hub.asked) == QUICK.tries


@pytest.mark.parametrize(
    ("trouble", "tries"), [(httpx.ReadTimeout("x"), 1), (httpx.ConnectError("x"), 3)]
)
def test_a_one_time_token_is_repeated_only_if_it_never_left(trouble: Exception, tries: int) -> None:
    hub = Hub(trouble)
    with pytest.raises(HubAway):
        hub.site().enrol(ENROLMENT)
    assert len(hub.asked) == tries


def test_a_refusal_is_final_and_carries_the_problem_document() -> None:
    document = {"type": "other-cluster", "title": "Not yours", "detail": "cluster x", "extra": 1}
    hub = Hub(httpx.Response(409, json=document))
    with pytest.raises(Refused) as refusal:
        hub.site().report(REPORT)
    assert (refusal.value.status, refusal.value.problem.type) == (409, "other-cluster")
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>a proxy's page</html>"),
        httpx.Response(200, json={"accepted": 1}),
        httpx.Response(302, headers={"Location": "http://elsewhere"}),
    ],
)
def test_an_answer_in_another_language_is_a_mismatch(answer: httpx.Response) -> None:
    with pytest.raises(ProtocolMismatch):
        Hub(answer).site().report(REPORT)


def test_desired_sends_the_known_revision_and_none_means_nothing_new() -> None:
    hub = Hub(httpx.Response(304))
    assert hub.site().desired(known=7, wait_s=600) is None
    (asked,) = hub.asked
    assert asked.headers["If-None-Match"] == '"7"'
    assert asked.url.params["wait_s"] == "25"
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"


def _credential_half_said() -> httpx.Response:
    return httpx.Response(200, json={"token": TOKEN, "cluster": "c"})


@pytest.mark.parametrize(
    "call",
    [
        lambda: Hub(_credential_half_said()).site().enrol(ENROLMENT),
        lambda: Hub(httpx.ConnectError("x")).site().report(REPORT),
        lambda: Hub(httpx.Response(401)).site().desired(),
    ],
)
def test_no_token_reaches_a_message_or_a_log(
    call: Callable[[], object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises((HubAway, Refused, ProtocolMismatch)) as error:
        call()
    assert TOKEN not in f"{error.value!r} {error.value} {caplog.text}"


def test_the_user_api_reads_a_round_and_ignores_what_is_newer_than_it() -> None:
    outcome = {
        "application": "A-1", "title": "t", "sector": "startup", "servers": 2, "pool": None,
        "outcome": "waitlisted", "rank": 3, "score": "81.5", "reason_code": "round.pool_full",
        "reason": "…", "added_later": True,
    }  # fmt: skip
    document = {
        "call": "2026/1", "plan": 4, "status": "proposed", "optimal": True, "offered": 542,
        "outcomes": [outcome],
    }  # fmt: skip
    hub = Hub(httpx.Response(200, json=document))
    assert hub.user().round("2026/1").outcomes[0].reason_code == "round.pool_full"
    assert hub.asked[0].url.raw_path == b"/api/v1/rounds/2026%2F1"


def test_approving_names_the_plan() -> None:
    document = {
        "call": "r", "plan": 4, "status": "applied", "optimal": True, "offered": 1, "outcomes": []
    }  # fmt: skip
    hub = Hub(httpx.Response(200, json=document))
    assert hub.user().approve("r", plan=4).status == "applied"
    assert hub.asked[0].content == b'{"plan":4}'
