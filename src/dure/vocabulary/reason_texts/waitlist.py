"""Sentences of the waitlist decision."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "waitlist.promoted": _(
        "Promoted from place {place} on the waitlist: all that was asked for is free in {pool}."
        " Servers: {servers}. Ahead of it, unable to use what is free: {skipped}."
    ),
    "waitlist.promoted_reduced": _(
        "Promoted from place {place} on the waitlist: {servers} of the {asked} servers asked for"
        " are free in {pool}. Ahead of it, unable to use what is free: {skipped}."
    ),
}
