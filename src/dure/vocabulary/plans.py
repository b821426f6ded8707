"""What every decision returns.

- A plan only proposes: an ordered, immutable list of intents; who applies it has no choices left.
- Each intent carries its reason as a code and parameters; the words are made at the edge, in the
  reader's language.
- `number` counts the plans of one programme; `generation` is the state it was made from: applying
  it to any other state is refused, so a late actor changes nothing.
- Plan, snapshot, policy, now and seed are kept together, and the same four give the same plan.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, JsonValue

from dure.vocabulary.frozen import Frozen

Kind = Literal[
    "screening",
    "scoring",
    "assignment",
    "panel",
    "round",
    "waitlist",
    "lending",
    "reclaim",
    "tender",
    "incidents",
]


class Reason(Frozen):
    """Why: a code from the catalogue in `vocabulary.reasons`, with what fills its sentence."""

    code: str
    params: dict[str, JsonValue] = {}


class Header(Frozen):
    """Where a plan stands among the programme's plans, and when it was made."""

    number: int
    parent: int | None = None
    generation: int
    now: AwareDatetime
    seed: str = ""


class Intent(Frozen):
    """One proposed act, with its reason. Each kind of decision has its own subclasses."""

    reason: Reason


class Plan(Frozen):
    """The base of a decision's plan; subclasses fix `kind` and the type of `intents`."""

    header: Header


class Violation(Frozen):
    """What a solver-free check found wrong with a plan: the rule's code and the evidence."""

    rule: str
    detail: str


__all__ = ["Header", "Intent", "Kind", "Plan", "Reason", "Violation"]
