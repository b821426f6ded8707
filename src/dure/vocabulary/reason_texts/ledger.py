"""Sentences of the ledger's entries."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "ledger.deposit": _("Awarded: {amount} accelerator-seconds on pool {pool}."),
    "ledger.charge": _("Used by the project: {amount} accelerator-seconds on pool {pool}."),
    "ledger.refund": _("Given back: {amount} accelerator-seconds on pool {pool} are not charged."),
    "ledger.credit": _(
        "Owed for an outage: {amount} accelerator-seconds on pool {pool} are granted anew."
    ),
    "ledger.pullback": _(
        "Pulled back by rule for lack of use: {amount} accelerator-seconds on pool {pool}."
    ),
    "ledger.void": _("Entry {voids} was wrong and is undone."),
}
