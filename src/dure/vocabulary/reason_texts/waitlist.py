"""Sentences of the waitlist decision."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "waitlist.promoted": _(
        "First on the waitlist that fits: all that was asked for is free in {pool}."
        " Servers: {servers}."
    ),
    "waitlist.promoted_reduced": _(
        "First on the waitlist that fits: {servers} of the {asked} servers asked for are free in"
        " {pool}, no less than its minimum of {minimum}."
    ),
    "waitlist.too_large": _(
        "At its turn no pool had room for it: {pool} came nearest. Servers short of its minimum"
        " of {minimum}: {short}."
    ),
    "waitlist.no_pool": _("No pool with an accelerator model it accepts has free capacity."),
}
