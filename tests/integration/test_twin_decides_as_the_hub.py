"""The decisions that run live are the ones that run in the twin: replace one, and both change."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration import small
from tests.integration.small import DECIDED, STARTED
from tests.unit.twin import tiny

from dure.engine import allocation, lending, reclaim, waitlist
from dure.engine.checks import allocation as round_check
from dure.engine.checks import lending as check
from dure.hub.allocations import decisions, rounds
from dure.hub.loop import step
from dure.twin.control import PlanRefused
from dure.vocabulary.plans import Reason

pytestmark = pytest.mark.django_db


class Asked(Exception):
    """The replaced decision was asked."""


def refusing(*_facts: Any) -> Any:
    raise Asked


def lends_nothing(_snapshot: Any, _policy: Any, header: Any) -> lending.LendingPlan:
    return lending.LendingPlan(header=header, intents=())


ROUND = {"rounds": {"applications": 4, "servers": {1: 1}}}


def awards_nobody(
    snapshot: allocation.RoundSnapshot, _policy: Any, header: Any, **_how: Any
) -> allocation.RoundPlan:
    waiting = tuple(
        allocation.Outcome(
            application=request.application,
            outcome="waitlisted",
            pool=None,
            servers=0,
            place=place,
            reason=Reason(code="round.no_pool", params={"models": "-"}),
        )
        for place, request in enumerate(sorted(snapshot.requests, key=lambda r: r.rank), start=1)
    )
    return allocation.RoundPlan(header=header, intents=waiting, objective=0, bound=0, optimal=True)


def awarded(**changed: Any) -> int:
    events = tiny.play("islands", allocations=ROUND, of=tiny.jobs((0, 60, 1, 0)), **changed)
    return sum(event.servers for event in events.register.events if event.what == "award")


def test_a_round_replaced_changes_hub_and_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    world, proposed = small.proposed()
    assert proposed.outcomes.filter(servers__gt=0).exists()
    assert awarded() == 4
    monkeypatch.setattr(allocation, "plan", awards_nobody)
    monkeypatch.setattr(round_check, "violations", lambda *_facts: ())  # which would refuse that
    made = rounds.solve_round(call=world.call, by=world.operator, now=DECIDED)
    assert not made.outcomes.filter(servers__gt=0).exists()
    assert awarded() == 0


def test_a_round_that_its_check_refuses_is_applied_by_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = small.ranked()
    monkeypatch.setattr(allocation, "plan", awards_nobody)
    with pytest.raises(decisions.PlanRefused):
        rounds.solve_round(call=world.call, by=world.operator, now=DECIDED)
    with pytest.raises(PlanRefused, match="the round plan was refused"):
        awarded()


def test_lending_replaced_changes_hub_and_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    world = small.running()
    assert tiny.measured("pool").lent_hours > 0
    monkeypatch.setattr(lending, "plan", lends_nothing)
    monkeypatch.setattr(check, "violations", lambda *_facts: ())  # which would refuse that
    assert "lending" not in step(programme=world.programme, now=STARTED).made
    assert tiny.measured("pool").lent_hours == 0


def test_the_hub_lends_where_the_decision_is_not_replaced() -> None:
    world = small.running()
    assert "lending" in step(programme=world.programme, now=STARTED).made


def test_a_plan_that_its_check_refuses_is_applied_by_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = small.running()
    monkeypatch.setattr(lending, "plan", lends_nothing)
    assert "PlanRefused" in step(programme=world.programme, now=STARTED).failed["lending"]
    with pytest.raises(PlanRefused, match="stands idle while"):
        tiny.play("pool")


@pytest.mark.parametrize(("name", "module"), [("reclaim", reclaim), ("lending", lending)])
def test_a_decision_that_fails_fails_in_both(
    name: str, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = small.running()
    monkeypatch.setattr(module, "plan", refusing)
    assert set(step(programme=world.programme, now=STARTED).failed) == {name}
    with pytest.raises(Asked):
        tiny.play("stewarded")


def test_the_waitlist_is_asked_by_both(monkeypatch: pytest.MonkeyPatch) -> None:
    world = small.running()
    monkeypatch.setattr(waitlist, "anybody_fits", lambda _snapshot: True)
    monkeypatch.setattr(waitlist, "plan", refusing)
    assert set(step(programme=world.programme, now=STARTED).failed) == {"waitlist"}
    with pytest.raises(Asked):
        tiny.play("stewarded")
