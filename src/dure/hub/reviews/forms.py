"""The scoring form, made of the stage's rubric, and what a reviewer says of themselves.

- The operation judges the points.
- A list is written one entry a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django import forms
from django.utils.translation import gettext, gettext_lazy

from dure.engine.assignment import PastProject
from dure.hub.people.models import User
from dure.hub.portal.templatetags.dure import words
from dure.hub.reviews.facts import reviewer_facts
from dure.hub.reviews.models import Review
from dure.hub.reviews.operations import MAX_COMMENT
from dure.vocabulary.programme import Criterion, Rubric

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

MOST_LETTERS: Final = 200
MOST_LETTERS_OF_A_PERSON: Final = 100
"""Of a name, as its column holds it."""


def _lines(label: _StrPromise, hint: _StrPromise) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=hint,
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class ScoringForm(forms.Form):
    """Points for each criterion, and words."""

    use_required_attribute = False

    def __init__(
        self,
        rubric: Rubric,
        *,
        typed: Mapping[str, str] | None = None,
        review: Review | None = None,
        problems: Mapping[str, str] | None = None,
    ) -> None:
        given = {**review.points, "comment": review.comment} if review else {}
        super().__init__(typed, initial=given, label_suffix="")
        for criterion in rubric.criteria:
            self.fields[criterion.id] = _points(criterion)
        self.fields["comment"] = _comment()
        if problems:
            self.full_clean()
        for name, problem in (problems or {}).items():
            self.add_error(name if name in self.fields else None, problem)

    def points(self) -> dict[str, int]:
        """The points given, by criterion; a criterion left out is not in it."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name != "comment" and value is not None
        }


def _points(criterion: Criterion) -> forms.IntegerField:
    return forms.IntegerField(
        label=words(criterion.label),
        help_text=gettext("From 0 to %(most)s points.") % {"most": criterion.points},
        error_messages={"invalid": gettext_lazy("Please give whole points.")},
        required=True,
        widget=forms.NumberInput(
            attrs={"min": 0, "max": criterion.points, "inputmode": "numeric", "data-points": ""}
        ),
    )


def _comment() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Comment"),
        help_text=gettext_lazy("For the panel. What decided your points?"),
        required=False,
        max_length=MAX_COMMENT,
        widget=forms.Textarea(attrs={"rows": 6}),
    )


class PlacesForm(forms.Form):
    """How many of the ranked are served; empty asks for as many as the round serves."""

    places = forms.IntegerField(
        label=gettext_lazy("Applications served, best rank first"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        error_messages={"invalid": gettext_lazy("Please give a whole number.")},
    )


# A line of past projects: the year, an organisation, a person; either of the two may be left out.
_PAST: Final = re.compile(
    r"\s*(?P<year>\d{4})\s*,\s*(?P<organisation>[^,]*?)\s*(?:,\s*(?P<person>.*?)\s*)?"
)


class ExpertiseForm(forms.Form):
    """Subjects, ties and past projects."""

    use_required_attribute = False

    other_fields = _lines(
        gettext_lazy("Fields you can judge beside your own"), gettext_lazy("One field a line.")
    )
    keywords = _lines(gettext_lazy("Keywords"), gettext_lazy("One word a line."))
    supplies = _lines(
        gettext_lazy("Providers you are tied to"),
        gettext_lazy("One organisation a line: you hold shares, advise or were paid."),
    )
    past_projects = _lines(
        gettext_lazy("Projects of the last years"),
        gettext_lazy("One a line: the year it ended, the organisation, the person."),
    )
    most_reviews = forms.IntegerField(
        label=gettext_lazy("Most reviews in one stage"),
        help_text=gettext_lazy("Leave it empty for no limit of your own."),
        required=False,
        min_value=0,
        max_value=10_000,
    )

    def __init__(self, user: User, typed: Mapping[str, str] | None = None) -> None:
        facts = reviewer_facts(user)
        past = (f"{p.year}, {p.organisation}, {p.person}" for p in facts.past_projects)
        initial = {
            "other_fields": "\n".join(facts.other_fields),
            "keywords": "\n".join(facts.keywords),
            "supplies": "\n".join(facts.supplies),
            "past_projects": "\n".join(past),
            "most_reviews": facts.most,
        }
        super().__init__(typed, initial=initial, label_suffix="")

    def clean_past_projects(self) -> tuple[PastProject, ...]:
        """The lines as projects; one that cannot be read is named."""
        lines = self.cleaned_data["past_projects"].splitlines()
        return tuple(_past_project(line) for line in lines if line.strip())

    def entries(self, name: str) -> tuple[str, ...]:
        """The lines of a list."""
        lines = (line.strip() for line in self.cleaned_data[name].splitlines())
        return tuple(line for line in lines if line)


def _past_project(line: str) -> PastProject:
    read = _PAST.fullmatch(line)
    organisation, person = (read["organisation"], read["person"] or "") if read else ("", "")
    fits = len(organisation) <= MOST_LETTERS and len(person) <= MOST_LETTERS_OF_A_PERSON
    if read is None or not (organisation or person) or not fits:
        raise forms.ValidationError(
            gettext("Please write year, organisation, person here: %(line)s"),
            params={"line": line.strip()},
        )
    return PastProject(year=int(read["year"]), organisation=organisation, person=person)
