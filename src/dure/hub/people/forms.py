"""The forms of signing in and of one's password."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, UsernameField
from django.contrib.auth.password_validation import password_validators_help_texts
from django.core.exceptions import ValidationError
from django.forms import TextInput
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from dure.hub.people import sign_in_limit
from dure.hub.people.models import User


class LoginForm(AuthenticationForm):
    """Says the same whether the name or the password is wrong."""

    use_required_attribute = False
    username = UsernameField(label=_("User name"), widget=TextInput(attrs={"autofocus": True}))
    error_messages = {
        "invalid_login": _("The user name or the password is not right."),
        "inactive": _("The user name or the password is not right."),
        "too_many": _(
            "Too many wrong passwords. Please wait 15 minutes, then try again; an operator can set"
            " a new password for you."
        ),
    }

    def clean(self) -> dict[str, Any]:
        """Refuses before the password is looked at, where too many wrong ones were tried."""
        asked = {
            "name": self.cleaned_data.get("username", ""),
            "address": self.request.META.get("REMOTE_ADDR", "") if self.request else "",
        }
        if sign_in_limit.is_reached(**asked):
            raise ValidationError(self.error_messages["too_many"], code="too_many")
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            sign_in_limit.failed(**asked)
            raise
        sign_in_limit.succeeded(**asked)
        return cleaned


class PasswordForm(PasswordChangeForm):
    """The old password and the new one, with what is asked of it in plain text."""

    use_required_attribute = False

    def __init__(self, user: User, typed: QueryDict | None) -> None:
        super().__init__(user, typed)
        self.fields["new_password1"].help_text = " ".join(password_validators_help_texts())
