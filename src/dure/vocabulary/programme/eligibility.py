"""Who may apply: rules over typed answers, each with the sentence a refused applicant reads."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.types import Key

Scalar = str | int | bool


class _Rule(Frozen):
    id: Key
    say: Text


class OneOf(_Rule):
    """The answer to `field` is one of `values`."""

    kind: Literal["one_of"]
    field: Key
    values: tuple[Scalar, ...] = Field(min_length=1)


class AtMost(_Rule):
    """The number in `field` is no more than `limit`; `when` narrows it to certain answers."""

    kind: Literal["at_most"]
    field: Key
    limit: int
    when: dict[str, Scalar] = {}


class AtLeast(_Rule):
    """The number in `field` is no less than `limit`."""

    kind: Literal["at_least"]
    field: Key
    limit: int
    when: dict[str, Scalar] = {}


class Affirmed(_Rule):
    """The boolean `field` is true (a consent, a declaration)."""

    kind: Literal["affirmed"]
    field: Key


class Answered(_Rule):
    """`field` is not empty, where the answers in `when` are given."""

    kind: Literal["answered"]
    field: Key
    when: dict[str, Scalar] = {}


class NotLessor(_Rule):
    """The applicant's organisation does not lease accelerators to the programme now."""

    kind: Literal["not_lessor"]


class NoRunningAward(_Rule):
    """The applicant's organisation holds fewer than `limit` running allocations."""

    kind: Literal["no_running_award"]
    limit: int = Field(default=1, gt=0)


EligibilityRule = Annotated[
    OneOf | AtMost | AtLeast | Affirmed | Answered | NotLessor | NoRunningAward,
    Field(discriminator="kind"),
]
