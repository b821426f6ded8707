"""Sentences about closing a month."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "month.not_over": _("The month ends on {end}; it can be closed after that."),
    "month.no_agent": _("No site agent has reported yet: there is nothing to account for."),
    "month.agent_silent": _(
        "The agent of cluster {cluster} has not reported yet, and the cluster holds allocations."
    ),
    "month.agent_incomplete": _(
        "The agent of cluster {cluster} has reported everything only until {through}."
    ),
    "month.records_contradict": _("The records of pool {pool} cannot all be true: {detail}"),
    "month.check_failed": _("The independent check refuses the account of {subject}: {detail}"),
}
