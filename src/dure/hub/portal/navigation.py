"""The main menu and the first page of each role: one table.

The order of a role's entries is the order of its menu; the first is where signing in leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dure.hub.people.models import Role, User

MENU: Final[dict[str, tuple[tuple[str, Promise], ...]]] = {
    Role.APPLICANT: (
        ("my-applications", _("My applications")),
        ("calls", _("Calls")),
        ("allocations", _("Allocations")),
        ("jobs", _("Jobs")),
        ("ledger", _("Ledger")),
    ),
    Role.REVIEWER: (("my-reviews", _("My reviews")), ("my-bid-reviews", _("Bids to score"))),
    Role.OPERATOR: (
        ("operate", _("Operation")),
        ("allocations", _("Allocations")),
        ("jobs", _("Jobs")),
        ("clusters", _("Clusters")),
        ("incidents", _("Incidents")),
        ("ledger", _("Ledger")),
        ("months", _("Months")),
        ("studies", _("What-if studies")),
        ("audit", _("Audit")),
        ("calls", _("Calls")),
        ("supply-calls", _("Supply calls")),
        ("organisations", _("Organisations")),
    ),
    Role.PROVIDER: (
        ("clusters", _("Clusters")),
        ("incidents", _("Incidents")),
        ("my-bids", _("My bids")),
        ("supply-calls", _("Supply calls")),
        ("calls", _("Calls")),
    ),
    Role.AUDITOR: (
        ("audit", _("Audit")),
        ("ledger", _("Ledger")),
        ("months", _("Months")),
        ("allocations", _("Allocations")),
        ("clusters", _("Clusters")),
        ("incidents", _("Incidents")),
        ("studies", _("What-if studies")),
        ("operate", _("Operation")),
        ("calls", _("Calls")),
        ("supply-calls", _("Supply calls")),
    ),
}
"""Role -> its pages, by URL name."""

VISITOR: Final[tuple[tuple[str, Promise], ...]] = (
    ("calls", _("Calls")),
    ("supply-calls", _("Supply calls")),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu. `current` is the value of aria-current."""

    address: str
    label: str
    current: str


def menu(request: HttpRequest) -> list[Entry]:
    """The menu of who looks, with the page they are on marked."""
    user = getattr(request, "user", None)
    entries = MENU[user.role] if isinstance(user, User) else VISITOR
    return [_entry(reverse(name), str(label), request.path) for name, label in entries]


def first_page(user: User) -> str:
    """Where the person starts."""
    return reverse(MENU[user.role][0][0])


def _entry(address: str, label: str, path: str) -> Entry:
    if path == address:
        return Entry(address, label, "page")
    return Entry(address, label, "true" if path.startswith(address) else "")
