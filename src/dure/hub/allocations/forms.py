"""What the pages of allocations ask: filters, and the word before a signature."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from dure.hub.allocations import members
from dure.hub.people.models import User
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


class MemberForm(forms.Form):
    """Who is to be a member, by the name of the account."""

    use_required_attribute = False

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        help_text=_("Of somebody with an applicant's account, also of a partner's."),
    )

    def clean_username(self) -> User:
        """The account; read as typed but for spaces around it."""
        person = members.candidate(self.cleaned_data["username"])
        if person is None:
            raise forms.ValidationError(
                _("No applicant has this user name. An operator makes accounts.")
            )
        return person
