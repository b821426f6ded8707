"""The form of a what-if scenario: what may be otherwise in a stored round.

- A field that is left empty changes nothing; `none` takes a bound away.
- What is typed becomes a Change; whether that fits the round, the operation judges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField
from django.utils.translation import gettext, gettext_lazy
from pydantic import ValidationError as Unfit

from dure.engine.allocation.scenario import ORGANISATION_CAP, UnableToChange
from dure.hub.allocations.labels import POLICIES
from dure.hub.allocations.models import Decision
from dure.hub.allocations.scenario_queries import offers_of
from dure.hub.portal.filters import Filter, any_of, words
from dure.hub.portal.reasons import sentence
from dure.hub.portal.templatetags.dure import figure
from dure.hub.portal.templatetags.dure import words as said
from dure.hub.supply.queries import rules
from dure.vocabulary.programme import GroupRule
from dure.vocabulary.scenario import LONGEST_NAME, MOST_SERVERS, Change, Standing

NONE: Final = frozenset({"none", "없음"})
_SUPPLY: Final = re.compile(r"([+\-−]?)\s*(\d{1,7})")
NUMBER_OR_NONE: Final = gettext_lazy("A number of servers, or: none. Empty: as in the plan.")
BANDS: Final = gettext_lazy("Please give numbers, separated by commas.")
UNREADABLE: Final = gettext_lazy("Please give a whole number.")


class DifferenceFilter(Filter):
    """Narrows the applications that a scenario treats otherwise."""

    change = any_of(gettext_lazy("Difference"))
    sector = any_of(gettext_lazy("Sector"))
    text = words(gettext_lazy("Title, organisation or number"))


@dataclass(frozen=True, slots=True)
class Bounded:
    """A quota or rule, and what it says in the stored round."""

    group: str
    label: str
    most: int | None
    least: int | None
    together: bool


class ScenarioForm(forms.Form):
    """One scenario of a stored round; pools and quotas are those of its programme."""

    use_required_attribute = False

    def __init__(
        self, base: Decision, *, raw: bool, typed: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(typed, label_suffix="")
        self.base = base
        self.bounded = tuple(_bounded(base))
        self.offers = offers_of(base)
        self.fields["name"] = forms.CharField(
            label=gettext("Name of the scenario"), max_length=LONGEST_NAME
        )
        self._choosing(raw=raw)
        for group in self.bounded:
            self._bounds(group)
        self._region()
        for offer in self.offers:
            self._pool(offer["pool"], max(offer["servers"]))

    def _choosing(self, *, raw: bool) -> None:
        now = POLICIES[self.base.policy["policy"]]
        kept = gettext("as in the plan: %(now)s") % {"now": now}
        self.fields["policy"] = forms.ChoiceField(
            label=gettext("Way to choose"),
            choices=[("", kept), *POLICIES.items()],
            required=False,
        )
        self.fields["lottery_bands"] = _line(
            gettext("Bands of the lottery"),
            gettext("For a lottery: the least score of each band, the best first. Example: 90, 80"),
        )
        if raw:
            self.fields["raw_scores"] = forms.BooleanField(
                label=gettext(
                    "Rank by the reviewers' own scores, not corrected for their leniency"
                ),
                required=False,
            )
        self.fields[ORGANISATION_CAP] = _line(
            gettext("Most that one organisation may hold"), str(NUMBER_OR_NONE)
        )

    def _bounds(self, group: Bounded) -> None:
        now = gettext("no bound") if group.most is None else figure(group.most)
        help_text = gettext("In the plan: %(now)s.") % {"now": now}
        self.fields[f"most.{group.group}"] = _line(
            gettext("%(group)s: most") % {"group": group.label}, f"{help_text} {NUMBER_OR_NONE}"
        )
        if group.together:
            self.fields[f"least.{group.group}"] = _line(
                gettext("%(group)s: least") % {"group": group.label},
                gettext("Servers in every month, as far as the group asks for them, or: none."),
            )

    def _region(self) -> None:
        regions = [(one.id, said(one.label)) for one in rules(self.base.programme).regions]
        self.fields["region"] = forms.ChoiceField(
            label=gettext("Region"), choices=[("", "–"), *regions], required=False
        )
        self.fields["region_most"] = _line(gettext("Most servers in this region"))
        self.fields["region_least"] = _line(gettext("Least servers in this region"))

    def _pool(self, pool: str, most: int) -> None:
        self.fields[f"supply.{pool}"] = _line(
            gettext("Servers of %(pool)s") % {"pool": pool},
            gettext(
                "In the plan: %(now)s in the fullest month. +4: four more; -4: four fewer; 4: four"
                " in all, in every month."
            )
            % {"now": figure(most)},
        )
        self.fields[f"spares.{pool}"] = _line(
            gettext("Spares of %(pool)s") % {"pool": pool},
            gettext("+2: keep two more back; -2: give two of them."),
        )

    def groups(self) -> Iterator[tuple[str, str, list[BoundField]]]:
        """(id of the heading, heading, its fields)."""
        parts = {
            "choosing": (gettext("Who goes first"), ("policy", "lottery_bands", "raw_scores")),
            "bounds": (gettext("Quotas, caps and floors"), (ORGANISATION_CAP, "most.", "least.")),
            "region": (gettext("A rule for one region"), ("region",)),
            "supply": (gettext("Supply"), ("supply.", "spares.")),
        }
        for part, (heading, prefixes) in parts.items():
            yield part, heading, [self[n] for n in self.fields if n.startswith(prefixes)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in list(cleaned):
            self._read(name, cleaned)
        return cleaned

    def _read(self, name: str, cleaned: dict[str, Any]) -> None:
        try:
            if name.startswith(("most.", "least.")) or name == ORGANISATION_CAP:
                cleaned[name] = _number(cleaned[name], or_none=True)
            elif name.startswith("region_"):
                cleaned[name] = _number(cleaned[name], or_none=False)
            elif name.startswith(("supply.", "spares.")):
                cleaned[name] = _supply(cleaned[name])
        except ValidationError as error:
            self.add_error(name, error)

    def change(self, raw: Mapping[str, Standing]) -> Change | None:
        """What was typed, as a change; None, with what is wrong, where that is not one."""
        if not self.is_valid():
            return None
        try:
            return Change.model_validate(self._typed() | self._scores(raw))
        except Unfit as unfit:
            for head in sorted({str(error["loc"][0]) for error in unfit.errors()}):
                wrong = BANDS if head == "lottery_bands" else UNREADABLE
                self.add_error(self._field(head, ""), str(wrong))
            return None

    def refuse(self, error: UnableToChange) -> None:
        """Says at its field what does not fit the round."""
        head, _, rest = error.where.partition(".")
        self.add_error(self._field(head, rest), sentence(error.reason))

    def _field(self, head: str, rest: str) -> str | None:
        least = rest.removesuffix(".least")
        known = {
            "bounds": f"most.{rest}" if least == rest else f"least.{least}",
            "added": "region",
            "supply": f"supply.{rest}",
            "spares": f"spares.{rest}",
        }
        name = known.get(head, head)
        return name if name in self.fields else None

    def _typed(self) -> dict[str, Any]:
        given = self.cleaned_data
        bands = [band.strip() for band in given["lottery_bands"].split(",") if band.strip()]
        bounds = {
            one.group: {
                "most": given.get(f"most.{one.group}"),
                "least": given.get(f"least.{one.group}"),
            }
            for one in self.bounded
        }
        spares = {o["pool"]: given[f"spares.{o['pool']}"] for o in self.offers}
        return {
            "name": given["name"],
            "policy": given["policy"] or None,
            "lottery_bands": bands,
            "organisation_cap": given[ORGANISATION_CAP],
            "bounds": {g: b for g, b in bounds.items() if any(v is not None for v in b.values())},
            "added": self._regional(),
            "supply": {
                o["pool"]: {"to" if sign == "" else "by": number}
                for o in self.offers
                if (asked := given[f"supply.{o['pool']}"]) is not None
                for sign, number in [asked]
            },
            "spares": {pool: asked[1] for pool, asked in spares.items() if asked is not None},
        }

    def _regional(self) -> list[dict[str, Any]]:
        given = self.cleaned_data
        bounds = {
            name: {"servers": asked}
            for name in ("most", "least")
            if (asked := given[f"region_{name}"]) is not None
        }
        if not given["region"] or not bounds:
            return []
        one = next(r for r in rules(self.base.programme).regions if r.id == given["region"])
        rule = {"id": f"region-{one.id}", "label": one.label.model_dump(), "regions": [one.id]}
        return [{**rule, **bounds}]

    def _scores(self, raw: Mapping[str, Standing]) -> dict[str, Any]:
        wanted = self.cleaned_data.get("raw_scores")
        return (
            {"standings": {a: s.model_dump(mode="json") for a, s in raw.items()}} if wanted else {}
        )


def _line(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"class": "input-short"}),
    )


def _number(text: str, *, or_none: bool) -> int | str | None:
    if not text:
        return None
    if or_none and text.casefold() in NONE:
        return "none"
    if not text.isdecimal() or int(text) > MOST_SERVERS:
        raise ValidationError(UNREADABLE)
    return int(text)


def _supply(text: str) -> tuple[str, int] | None:
    """The sign that was typed, and the number with it."""
    if not text:
        return None
    found = _SUPPLY.fullmatch(text)
    if found is None or int(found[2]) > MOST_SERVERS:
        raise ValidationError(UNREADABLE)
    sign, number = found[1], int(found[2])
    return sign, number if sign in {"", "+"} else -number


def _bounded(base: Decision) -> Iterable[Bounded]:
    """The programme's quotas and rules, those first that bind the stored round."""
    document = rules(base.programme)
    labels = {q.id: said(q.label) for q in document.quotas if q.sectors}
    labels |= {rule.id: said(rule.label) for rule in document.allotment.rules}
    together: dict[str, GroupRule] = {rule.id: rule for rule in document.allotment.rules}
    bound = {g["group"]: g for g in base.policy["groups"] if g["group"] != ORGANISATION_CAP}
    for key, group in bound.items():
        yield Bounded(
            group=key,
            label=labels.get(key, key),
            most=group["most"],
            least=group["least"],
            together=group["each"] == "together",
        )
    for key in sorted(labels.keys() - bound.keys()):
        rule = together.get(key)
        yield Bounded(key, labels[key], None, None, rule is None or rule.each == "together")
