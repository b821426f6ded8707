"""Making a stored plan again: the same snapshot, policy, time and seed must give the same plan.

- Nothing is read but what was stored with the decision, and nothing is written.
- The whole plan is compared, value by value; a difference says where, in steps of the plan's JSON,
  an intent by its application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pydantic import JsonValue

from dure.engine import allocation, waitlist
from dure.hub.allocations.models import Decision
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, Actor, require
from dure.vocabulary.plans import Header, Plan

SHOWN: Final = 100
"""Differences that are named; a plan that differs in more differs as a whole (our choice)."""

_Solve = Callable[[allocation.RoundSnapshot, allocation.RoundPolicy, Header], Plan]
_SOLVERS: Final[Mapping[str, _Solve]] = {"round": allocation.plan, "waitlist": waitlist.plan}

REPLAYED: Final = frozenset(_SOLVERS)
"""The kinds of decision that can be replayed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value of the plan, as it was stored and as it is made now; None where there is none."""

    where: str
    stored: JsonValue
    made: JsonValue


@dataclass(frozen=True, slots=True)
class Replayed:
    """What making a plan again came to."""

    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        return not self.differences


def replay(*, decision: Decision, by: Actor) -> Replayed:
    """Solves the decision again from its stored inputs and compares. Blocks while it is solved.

    Raises NotAtThisStage for a kind of decision that is not solved.
    """
    require(by, Action.SEE_ROUND)
    solve = _SOLVERS.get(decision.kind)
    if solve is None:
        subject = f"decision {decision.number}"
        raise NotAtThisStage(subject, decision.kind, "a round or a promotion from the waitlist")
    made = solve(
        allocation.RoundSnapshot.model_validate(decision.snapshot),
        allocation.RoundPolicy.model_validate(decision.policy),
        Header.model_validate(decision.plan["header"]),
    )
    found = _differences(decision.plan, made.model_dump(mode="json"), where=())
    return Replayed(differences=tuple(islice(found, SHOWN)))


def _differences(
    stored: JsonValue, made: JsonValue, *, where: tuple[str, ...]
) -> Iterator[Difference]:
    if isinstance(stored, Mapping) and isinstance(made, Mapping):
        for name in sorted(stored.keys() | made.keys()):
            yield from _differences(stored.get(name), made.get(name), where=(*where, name))
    elif isinstance(stored, list) and isinstance(made, list) and len(stored) == len(made):
        for index, (one, other) in enumerate(zip(stored, made, strict=True)):
            yield from _differences(one, other, where=(*where, _step(one, index)))
    elif stored != made:
        yield Difference("/".join(where), stored, made)


def _step(item: JsonValue, index: int) -> str:
    """An intent is known by its application, any other item by its number."""
    application = item.get("application") if isinstance(item, Mapping) else None
    return str(application) if application else str(index)
