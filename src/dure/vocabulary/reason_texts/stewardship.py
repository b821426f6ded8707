"""Sentences about allocations between rounds."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "agreement.declined": _("The awardee did not take the award; its servers are free again."),
    "allocation.standing": _("Promised outside the calls, to {holder}."),
    "allocation.expired": _("The period of the allocation is over."),
}
