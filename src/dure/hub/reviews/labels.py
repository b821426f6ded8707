"""The words for stages of a review."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

KINDS: Final[dict[str, Promise]] = {
    "document": _("Documents"),
    "written": _("In writing"),
    "presentation": _("Presentation"),
    "site_visit": _("Site visit"),
    "peer": _("Applicants review each other"),
}

STATES: Final[dict[str, tuple[str, Promise]]] = {
    "ahead": ("neutral", pgettext_lazy("stage of a review", "Ahead")),
    "open": ("positive", pgettext_lazy("stage of a review", "Open")),
    "closed": ("neutral", pgettext_lazy("stage of a review", "Closed")),
}
"""State -> the tone of its badge and its words."""
