"""Who may apply: rules over typed answers and over what the programme's records say.

- Each rule carries the sentence a refused applicant reads.
- `when` narrows a rule to certain answers, all of them.
- A rule names fields of the form of the kind it can judge; one that could never be met, or never
  fail, is refused with the file (`misfits`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.calls import FormField
from dure.vocabulary.programme.types import Key

Scalar = str | int | bool
Instant = Literal["today", "supply", "term_end"]


class _Rule(Frozen):
    id: Key
    say: Text
    when: dict[str, Scalar] = {}


class OneOf(_Rule):
    """The answer to `field` is one of `values`."""

    kind: Literal["one_of"]
    field: Key
    values: tuple[Scalar, ...] = Field(min_length=1)


class AtMost(_Rule):
    """The number in `field` is no more than `limit`."""

    kind: Literal["at_most"]
    field: Key
    limit: int


class AtLeast(_Rule):
    """The number in `field` is no less than `limit`."""

    kind: Literal["at_least"]
    field: Key
    limit: int


class Affirmed(_Rule):
    """The boolean `field` is true (a consent, a declaration)."""

    kind: Literal["affirmed"]
    field: Key


class Answered(_Rule):
    """`field` is not empty."""

    kind: Literal["answered"]
    field: Key


class SumsTo(_Rule):
    """The numbers in `fields` add up to `total` (a use plan in per cent)."""

    kind: Literal["sums_to"]
    fields: tuple[Key, ...] = Field(min_length=2)
    total: int

    @model_validator(mode="after")
    def _each_once(self) -> SumsTo:
        if len(set(self.fields)) != len(self.fields):
            raise ValueError("a field is named twice; it would be added twice")
        return self


class ValidUntil(_Rule):
    """The date in `field` lies at least `days_beyond` days after an instant of the call.

    A certificate that must be good on the day of screening (`today`) or of first `supply`; a
    contract that must outlast the requested term (`term_end`). A date is good to its last day.
    """

    kind: Literal["valid_until"]
    field: Key
    until: Instant = "supply"
    days_beyond: int = Field(default=0, ge=0)


class HoldsCertificate(_Rule):
    """The programme's records show a certificate of the organisation that is good until then."""

    kind: Literal["holds_certificate"]
    certificate: Key
    until: Instant = "supply"
    days_beyond: int = Field(default=0, ge=0)


class Consortium(_Rule):
    """The partners named in `field`: how many, of what sector or region, none of them excluded.

    The applicant is not its own partner, and a partner named twice is one. `sectors` and `regions`:
    at least one partner is of one of these, by the programme's records. `exclude`: partners that
    lease accelerators to the programme, or are under a sanction, are refused.
    """

    kind: Literal["consortium"]
    field: Key
    at_least: int = Field(default=0, ge=0)
    at_most: int | None = Field(default=None, ge=0)
    sectors: tuple[Key, ...] = ()
    regions: tuple[Key, ...] = ()
    exclude: tuple[Literal["lessor", "sanctioned"], ...] = ("lessor", "sanctioned")

    @model_validator(mode="after")
    def _can_be_met(self) -> Consortium:
        if self.at_most is not None and self.at_most < self.at_least:
            msg = f"at_most ({self.at_most}) is below at_least ({self.at_least})"
            raise ValueError(msg)
        if self.at_most == 0 and (self.sectors or self.regions):
            raise ValueError("without partners none of them is of a required sector or region")
        return self


class NotLessor(_Rule):
    """The applicant's organisation does not lease accelerators to the programme now."""

    kind: Literal["not_lessor"]


class NoRunningAward(_Rule):
    """The applicant's organisation holds fewer than `limit` running allocations."""

    kind: Literal["no_running_award"]
    limit: int = Field(default=1, gt=0)


class NotSanctioned(_Rule):
    """The applicant's organisation is under no sanction of the programme today."""

    kind: Literal["not_sanctioned"]


class NoLateReport(_Rule):
    """No report of the organisation is overdue by more than `days` days."""

    kind: Literal["no_late_report"]
    days: int = Field(default=0, ge=0)


class AtMostApplications(_Rule):
    """At most `limit` applications to the call by one organisation, or by one person.

    Those submitted first count; a withdrawn or refused one does not.
    """

    kind: Literal["at_most_applications"]
    limit: int = Field(default=1, gt=0)
    by: Literal["organisation", "person"] = "organisation"


EligibilityRule = Annotated[
    OneOf
    | AtMost
    | AtLeast
    | Affirmed
    | Answered
    | SumsTo
    | ValidUntil
    | HoldsCertificate
    | Consortium
    | NotLessor
    | NoRunningAward
    | NotSanctioned
    | NoLateReport
    | AtMostApplications,
    Field(discriminator="kind"),
]

_JUDGES: Final[dict[str, frozenset[str]]] = {
    "at_most": frozenset({"integer"}),
    "at_least": frozenset({"integer"}),
    "affirmed": frozenset({"boolean"}),
    "sums_to": frozenset({"integer"}),
    "valid_until": frozenset({"date"}),
    "consortium": frozenset({"organisations"}),
}
"""Rule -> the kinds of fields it can judge; the rules not named here take any."""


def fields_of(rule: EligibilityRule) -> tuple[str, ...]:
    """The questions the rule judges, the one to change first in front."""
    if isinstance(rule, SumsTo):
        return rule.fields
    field = getattr(rule, "field", None)
    return (field,) if field else ()


def misfits(
    rules: Sequence[EligibilityRule], form: Sequence[FormField]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Each field that its rule cannot judge, with its place in the programme file."""
    kinds = {field.id: field.kind for field in reversed(form)}
    for index, rule in enumerate(rules):
        for place, name in enumerate(fields_of(rule)):
            judged = _JUDGES.get(rule.kind)
            if judged and name in kinds and kinds[name] not in judged:
                at = ("fields", place) if isinstance(rule, SumsTo) else ("field",)
                wanted = " or ".join(sorted(judged))
                said = (
                    f"a rule of kind {rule.kind} judges a field of kind {wanted}; "
                    f"'{name}' is of kind {kinds[name]}"
                )
                yield ("eligibility", index, *at), said
