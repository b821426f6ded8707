"""Sentences of a round whose bounds cannot be kept together: which, by how much, what would help.

Common parameters: `group` the quota, rule or cap as the programme calls it, or the model of a
supply; `bound` its number; `reached` and `short` what a floor comes to at best and lacks.
"""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "conflict.together": _("No plan can keep these rules together."),
    "conflict.not_found": _(
        "No plan was found that keeps these floors. The round is too large to prove that there is"
        " none."
    ),
    "conflict.floor_missed": _(
        "{group} must take {bound} server-months or more; with the others kept, {reached} can be"
        " reached, {short} too few."
    ),
    "conflict.floor": _("{group} must take {bound} server-months or more."),
    "conflict.cap": _("{group}: servers held in any month, {bound} at most."),
    "conflict.supply": _("Servers of {group} that the round has in its best month: {bound}."),
    "conflict.too_few": _(
        "Neither a cap nor the supply is the cause: too few applications ask for it, or not for the"
        " models that the round offers."
    ),
    "conflict.any_of": _("One of these changes is enough:"),
    "conflict.lower": _("Lower the floor of {group} to {to} server-months."),
    "conflict.raise": _("Raise the cap of {group}; the number of servers that is enough is {to}."),
    "conflict.more_supply": _("More supply would help."),
    "conflict.others": _(
        "Other rules conflict beside these, so that no one change is enough. Mend this and make the"
        " plan again to see them."
    ),
}
