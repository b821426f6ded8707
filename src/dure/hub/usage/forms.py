"""Filters of the ledger."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from dure.hub.portal.filters import Filter, any_of, words


class EntryFilter(Filter):
    """Narrows the entries."""

    kind = any_of(_("Kind"))
    allocation = words(_("Allocation number"))


class AccountFilter(Filter):
    """Narrows the balances."""

    account = words(_("Part of the account's name"))
