"""The scoring form, made of the programme's rubric. The operation judges the points."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.utils.translation import gettext, gettext_lazy

from dure.hub.portal.templatetags.dure import words
from dure.hub.reviews.models import Review
from dure.hub.reviews.operations import MAX_COMMENT
from dure.vocabulary.programme import Criterion, Rubric


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
