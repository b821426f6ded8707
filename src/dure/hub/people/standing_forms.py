"""The forms of an organisation's certificates and sanctions."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from dure.hub.people.models import Sanction
from dure.hub.portal.filters import Filter, words


def _day() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class OrganisationFilter(Filter):
    """Narrows the register."""

    sought = words(_("Name or registration number"))


class CertificateForm(forms.Form):
    use_required_attribute = False

    kind = forms.SlugField(
        label=_("Certificate"),
        max_length=64,
        help_text=_("The key that the programme's rules ask for it with, such as csap."),
    )
    valid_until = forms.DateField(label=_("Good until"), widget=_day())


class SanctionForm(forms.Form):
    use_required_attribute = False

    cause = forms.ChoiceField(label=_("Cause"), choices=Sanction.Cause.choices)
    starts_on = forms.DateField(label=_("From (for a report: the day it was due)"), widget=_day())
    ends_on = forms.DateField(label=_("Until, the last day"), required=False, widget=_day())
    note = forms.CharField(
        label=_("Note"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def clean(self) -> dict[str, object]:
        given = super().clean() or {}
        starts, ends = given.get("starts_on"), given.get("ends_on")
        if starts and ends and ends < starts:
            self.add_error("ends_on", _("The last day lies before the first."))
        return given
