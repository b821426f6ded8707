"""The forms of supply calls. The operations judge what is typed; these only show and collect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext, gettext_lazy

from dure.hub.calls.forms import ApplicationForm
from dure.hub.portal.templatetags.dure import words
from dure.hub.reviews.forms import ScoringForm
from dure.hub.reviews.models import Review
from dure.hub.tenders.models import BidReview
from dure.vocabulary.programme import Rubric, SupplyCall
from dure.vocabulary.programme.bid_questions import questions
from dure.vocabulary.programme.calls import Criterion
from dure.vocabulary.programme.supply_calls import InspectionItem, SupplyCriterion

LONGEST_FINDING: Final = 500
PASSED: Final = (("yes", gettext_lazy("Passed")), ("no", gettext_lazy("Not passed")))


class BidForm(ApplicationForm):
    """The call's questions, certificates and clusters, in groups with a heading each."""

    def __init__(
        self,
        call: SupplyCall,
        *,
        typed: Mapping[str, str] | None = None,
        saved: Mapping[str, object] | None = None,
        problems: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(questions(call), typed=typed, saved=saved, problems=problems)
        self.most_clusters = call.most_clusters

    def groups(self) -> Iterator[tuple[str, str, list[BoundField]]]:
        """(id of the heading, heading, its questions)."""
        clusters = {f"cluster-{n}.": n for n in range(1, self.most_clusters + 1)}
        certified = [self[name] for name in self.fields if name.startswith("certificate.")]
        rest = [
            self[name]
            for name in self.fields
            if not name.startswith(("certificate.", *clusters)) and name != "divisible"
        ]
        if rest:
            yield "bid", gettext("The bid"), rest
        if certified:
            yield "certificates", gettext("Certificates"), certified
        yield "whole", gettext("What is offered"), [self["divisible"]]
        for prefix, number in clusters.items():
            heading = gettext("Cluster %(number)s") % {"number": number}
            mine = [self[name] for name in self.fields if name.startswith(prefix)]
            yield f"cluster-{number}", heading, mine


def scoring_form(
    criteria: Sequence[SupplyCriterion],
    *,
    typed: Mapping[str, str] | None = None,
    review: BidReview | None = None,
    problems: Mapping[str, str] | None = None,
) -> ScoringForm:
    """The points of one stage, in the form that reviewers of applications use."""
    lines = tuple(Criterion(id=c.id, label=c.label, points=c.points) for c in criteria)
    rubric = Rubric(criteria=lines, total=sum(line.points for line in lines))
    given = Review(points=review.points, comment=review.comment) if review else None
    return ScoringForm(rubric, typed=typed, review=given, problems=problems)


class InspectionForm(forms.Form):
    """For each item whether it passed, and what was found."""

    use_required_attribute = False

    def __init__(
        self, items: Sequence[InspectionItem], typed: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(typed, label_suffix="")
        self.items = tuple(items)
        for item in self.items:
            label = words(item.label)
            self.fields[f"{item.id}.passed"] = forms.ChoiceField(
                label=label,
                choices=PASSED,
                widget=forms.RadioSelect,
                error_messages={"required": gettext_lazy("Please choose one.")},
            )
            self.fields[f"{item.id}.finding"] = forms.CharField(
                label=gettext("%(item)s: finding") % {"item": label},
                required=False,
                max_length=LONGEST_FINDING,
            )

    def findings(self) -> dict[str, tuple[bool, str]]:
        given = self.cleaned_data
        return {
            item.id: (given[f"{item.id}.passed"] == "yes", given[f"{item.id}.finding"])
            for item in self.items
        }


class PriceForm(forms.Form):
    """The price that the cost review came to."""

    use_required_attribute = False
    price = forms.IntegerField(
        label=gettext_lazy("Price to be agreed"),
        help_text=gettext_lazy("At most the price of what was chosen."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "input-short"}),
        error_messages={"invalid": gettext_lazy("Please give a whole number.")},
    )
