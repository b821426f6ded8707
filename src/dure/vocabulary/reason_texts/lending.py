"""Sentences of the lending decision."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "lending.while_waiting": _(
        "The project is number {position} on the waitlist. Until it is served, it may use whatever "
        "stands idle in pool {pool} until its owner returns, as number {turn} in turn."
    ),
    "lending.beyond_allocation": _(
        "Beyond its allocation the project may use whatever stands idle in pool {pool} until its "
        "owner returns, as number {turn} in turn: after those who wait."
    ),
    "lending.after_take_back": _(
        "The owner took capacity of pool {pool} back from this project: until {until} it comes "
        "after all others, as number {turn} in turn."
    ),
    "lending.unsuitable": _("Pool {pool} does not offer an accelerator the project can use."),
    "lending.left": _("The project neither waits for capacity nor holds an allocation."),
    "lending.disabled": _("The programme does not lend idle capacity."),
}
