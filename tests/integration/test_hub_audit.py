"""The audit chain: each write is in it, and whatever is done to it afterwards shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction
from tests.integration import small
from tests.integration.small import NOW

from dure.hub.audit import operations as audit
from dure.hub.audit.models import ChainHead, Event
from dure.hub.audit.queries import ChainReport, verify
from dure.hub.people.gate import STEWARD

pytestmark = pytest.mark.django_db

WRITES = {
    "agreement.signed",
    "allocation.promised",
    "application.saved",
    "application.started",
    "application.submitted",
    "call.announced",
    "call.closed",
    "call.open",
    "call.screened",
    "decision.applied",
    "decision.approved",
    "decision.proposed",
    "organisation.added",
    "programme.loaded",
    "review.submitted",
    "user.added",
}


def test_each_operation_on_the_way_to_an_allocation_writes_its_event() -> None:
    small.running()
    assert set(Event.objects.values_list("what", flat=True)) == WRITES
    assert verify().intact


def test_an_event_names_who_what_and_why() -> None:
    world = small.decided()
    event = Event.objects.get(what="allocation.promised", subject=world.allocation("ann").key)
    assert (event.who, event.at) == ("operator", small.DECIDED)
    assert event.why["code"] == "round.awarded"
    assert event.detail == {"pool": "pool-a", "servers": 3, "state": "offered"}


def _change() -> None:
    Event.objects.filter(sequence=3).update(who="somebody else")


def _change_a_detail() -> None:
    Event.objects.filter(sequence=3).update(detail={"servers": 99})


def _cut_the_end() -> None:
    Event.objects.latest("sequence").delete()


def _cut_the_end_and_its_head() -> None:
    Event.objects.latest("sequence").delete()
    last = Event.objects.latest("sequence")
    ChainHead.objects.update(sequence=last.sequence, hash="0" * 64)


def _take_out() -> None:
    Event.objects.filter(sequence=3).delete()


def _swap() -> None:
    Event.objects.filter(sequence=3).update(sequence=10_000)
    Event.objects.filter(sequence=4).update(sequence=3)
    Event.objects.filter(sequence=10_000).update(sequence=4)


def _lose_the_head() -> None:
    ChainHead.objects.all().delete()


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (_change, "the event was changed"),
        (_change_a_detail, "the event was changed"),
        (_take_out, "an event is missing"),
        (_swap, "the link to the event before is wrong"),
    ],
)
def test_what_is_done_to_an_event_is_found_at_its_place(
    tamper: Callable[[], None], problem: str
) -> None:
    small.opened()
    tamper()
    assert verify() == ChainReport(2, 3, problem, head=verify().head)


@pytest.mark.parametrize("tamper", [_cut_the_end, _cut_the_end_and_its_head, _lose_the_head])
def test_events_cut_off_the_end_are_missed(tamper: Callable[[], None]) -> None:
    small.opened()
    tamper()
    report = verify()
    assert (report.intact, report.problem) == (False, "events were cut off the end")
    assert report.broken_at == Event.objects.count() + 1


def test_an_empty_chain_holds() -> None:
    assert verify() == ChainReport(0)


def test_an_event_of_a_write_that_failed_is_not_there() -> None:
    small.load()
    before = Event.objects.count()
    with transaction.atomic():
        audit.record(by=STEWARD, what="never", subject="x", at=NOW)
        transaction.set_rollback(True)
    assert Event.objects.count() == before
    assert verify().intact


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_refused() -> None:
    with pytest.raises(audit.NoTransaction):
        audit.record(by=STEWARD, what="lost", subject="x", at=NOW)
    assert not Event.objects.exists()
