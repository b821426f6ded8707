"""The decisions that run live are the ones that run in the twin: replace one, and both change."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration import small
from tests.integration.small import STARTED
from tests.unit.twin import tiny

from dure.engine import lending, reclaim, waitlist
from dure.engine.checks import lending as check
from dure.hub.loop import step
from dure.twin.control import PlanRefused

pytestmark = pytest.mark.django_db


class Asked(Exception):
    """The replaced decision was asked."""


def refusing(*_facts: Any) -> Any:
    raise Asked


def lends_nothing(_snapshot: Any, _policy: Any, header: Any) -> lending.LendingPlan:
    return lending.LendingPlan(header=header, intents=())


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
