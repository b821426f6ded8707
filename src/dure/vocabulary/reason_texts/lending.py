"""Sentences of the lending decision."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "lending.idle_capacity": _(
        "Idle accelerators in pool {pool}: {idle}; the project is number {position} on the "
        "waitlist and may use up to {offered} of them until their owner returns."
    ),
    "lending.no_idle": _("Pool {pool} has no idle accelerators left: their owners use them."),
    "lending.lent_elsewhere": _(
        "What is idle on pool {pool} goes to projects further up the waitlist, or the project "
        "has all it asked for on other pools."
    ),
    "lending.backing_off": _(
        "The owner took capacity of pool {pool} back from this project; it is lent to again "
        "from {until}."
    ),
    "lending.unsuitable": _("Pool {pool} does not offer an accelerator the project can use."),
    "lending.left_waitlist": _("The project no longer waits for capacity."),
    "lending.disabled": _("The programme does not lend idle capacity."),
}
