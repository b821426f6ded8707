"""The forms of signing in and of one's password."""

from __future__ import annotations

from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.password_validation import password_validators_help_texts
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from dure.hub.people.models import User


class LoginForm(AuthenticationForm):
    """Says the same whether the name or the password is wrong."""

    use_required_attribute = False
    error_messages = {
        "invalid_login": _("The user name or the password is not right."),
        "inactive": _("The user name or the password is not right."),
    }


class PasswordForm(PasswordChangeForm):
    """The old password and the new one, with what is asked of it in plain text."""

    use_required_attribute = False

    def __init__(self, user: User, typed: QueryDict | None) -> None:
        super().__init__(user, typed)
        self.fields["new_password1"].help_text = " ".join(password_validators_help_texts())
