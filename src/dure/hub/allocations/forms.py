"""What the pages of allocations ask: filters, and the word before a signature."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from dure.hub.portal.filters import Filter, any_of, words


class AllocationFilter(Filter):
    """Narrows the list of allocations."""

    state = any_of(_("State"))
    pool = any_of(_("Pool"))
    text = words(_("Project, organisation or number"))


class OutcomeFilter(Filter):
    """Narrows the outcomes of a round."""

    outcome = any_of(_("Outcome"))
    sector = any_of(_("Sector"))
    text = words(_("Title, organisation or number"))


class SignForm(forms.Form):
    """The duties were read: without this word nothing is signed."""

    duties_read = forms.BooleanField(
        label=_("I have read the duties and accept them for my organisation."),
        error_messages={"required": _("Please confirm that you have read the duties.")},
    )


class DeclineForm(forms.Form):
    """What declining does was understood."""

    understood = forms.BooleanField(
        label=_("I understand that the servers become free for others at once."),
        error_messages={"required": _("Please confirm that you give the servers up.")},
    )
