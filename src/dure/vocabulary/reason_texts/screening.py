"""Sentences of the screening decision."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "screening.admitted": _("The application meets every eligibility rule of the call."),
    "screening.refused": _("The application does not meet these eligibility rules: {rules}."),
}
