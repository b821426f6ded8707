"""What the pages of jobs ask: filters, and a job with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dure.engine.routing import Place, Wish
from dure.hub.allocations.models import Project
from dure.hub.jobs.models import LONGEST_NAME
from dure.hub.jobs.operations import Asked
from dure.hub.jobs.queries import ProjectPlaces
from dure.hub.portal.filters import Filter, any_of, words
from dure.hub.portal.templatetags.dure import figure
from dure.protocol.jobs import LONGEST_COMMAND

OPEN: Final = "open"
SHELL: Final = ("/bin/bash", "-c")
"""A script of the page is what bash runs, once for each accelerator."""

MOST_HOURS: Final = 24 * 31
MOST_ACCELERATORS: Final = 100_000


class JobFilter(Filter):
    """Narrows the list of jobs."""

    state = any_of(_("State"))
    project = any_of(_("Project"))
    mine = any_of(_("Whose"))
    text = words(_("Name, number or user"))


@dataclass(frozen=True, slots=True)
class Choice:
    """A place that the form offers. `lent` says how it is asked of the route."""

    value: str
    label: str
    project: Project
    allocation: str | None = None
    pool: str | None = None
    lent: str = "no"


class JobForm(forms.Form):
    """A script, how many accelerators, and where."""

    use_required_attribute = False

    place = forms.ChoiceField(
        label=_("Where it runs"),
        help_text=_(
            "In its allocation a job is never preempted. On lent capacity it may be stopped when "
            "the owner returns, and starts again by itself."
        ),
    )
    accelerators = forms.IntegerField(
        label=_("Accelerators"),
        help_text=_("All of them start together, with one process on each."),
        min_value=1,
        max_value=MOST_ACCELERATORS,
        initial=1,
    )
    script = forms.CharField(
        label=_("Script"),
        help_text=_("Run by bash in your home folder at the site, once on each accelerator."),
        max_length=LONGEST_COMMAND,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "class": "code"}),
    )
    name = forms.CharField(label=_("Name"), max_length=LONGEST_NAME, required=False)
    hours = forms.IntegerField(
        label=_("Time limit, in hours"),
        help_text=_("Empty: until it ends itself. A shorter job may start sooner."),
        min_value=1,
        max_value=MOST_HOURS,
        required=False,
    )

    def __init__(self, found: Sequence[ProjectPlaces], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.offered = {choice.value: choice for one in found for choice in _choices(one)}
        field = self.fields["place"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [
                (
                    one.project.title,
                    [(c.value, c.label) for c in self.offered.values() if c.project == one.project],
                )
                for one in found
            ]

    def clean_script(self) -> str:
        """As bash reads it: lines end in one sign."""
        script: str = self.cleaned_data["script"].replace("\r\n", "\n")
        if "\x00" in script:
            raise forms.ValidationError(gettext("A script has no null character in it."))
        return script

    def asked(self) -> Asked:
        """The job; the form is valid."""
        given = self.cleaned_data
        choice = self.offered[given["place"]]
        hours = given["hours"]
        wish = Wish.model_validate(
            {
                "accelerators": given["accelerators"],
                "lent": choice.lent,
                "time_limit_s": hours * 3600 if hours else None,
            }
        )
        return Asked(
            project=choice.project,
            command=(*SHELL, given["script"]),
            wish=wish,
            allocation=choice.allocation,
            pool=choice.pool,
            anywhere=choice.allocation is None and choice.pool is None,
            name=given["name"],
        )

    @property
    def looked_at(self) -> int:
        """The size whose starts are shown: the one that was asked, if it is one."""
        try:
            asked = int(self.data.get("accelerators") or self.initial.get("accelerators", 1))
        except ValueError:
            return 1
        return min(max(asked, 1), MOST_ACCELERATORS)


def _choices(one: ProjectPlaces) -> Iterator[Choice]:
    key = one.project.key
    if any(place.allocation for place in one.places):
        yield Choice(f"best:{key}", gettext("Best of its allocations"), one.project)
    if any(place.allocation is None for place in one.places):
        label = gettext("Best of all, also on lent capacity")
        yield Choice(f"any:{key}", label, one.project, lent="also")
    for place in one.places:
        if place.allocation is not None:
            value = f"allocation:{place.allocation}"
            yield Choice(value, _said(place), one.project, allocation=place.allocation)
        else:
            value = f"lent:{key}:{place.pool}"
            yield Choice(value, _said(place), one.project, pool=place.pool, lent="only")


def _said(place: Place) -> str:
    names = {"pool": place.pool, "model": place.model, "limit": figure(place.limit)}
    if place.allocation is None:
        return gettext("On loan: %(pool)s, %(model)s") % names
    names |= {"allocation": place.allocation, "left": figure(place.left)}
    return gettext("%(allocation)s: %(pool)s, %(model)s, %(left)s of %(limit)s free") % names
