"""Sentences of the reclaim decision."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "reclaim.notice_occupancy": _(
        # xgettext:no-python-format
        "Over the last {days} days the project used {use}% of its servers; the rule asks for "
        "{below}%. Servers that go back on {deadline} unless use recovers: "
        "{servers} of {of_servers}."
    ),
    "reclaim.notice_award": _(
        # xgettext:no-python-format
        "The project has used {use}% of its award, less than the rule asks for at this date. "
        "Unless use recovers, {hours} accelerator-hours go back on {deadline}."
    ),
    "reclaim.notice_plan": _(
        # xgettext:no-python-format
        "The project has used {use}% of what it planned to use by now. Unless use recovers, "
        "{hours} accelerator-hours go back on {deadline}."
    ),
    "reclaim.notice_line": _(
        "The balance was above the straight line from the award to zero on {occasion}. Unless "
        "use recovers, {hours} accelerator-hours go back on {deadline}."
    ),
    "reclaim.pull_back_occupancy": _(
        # xgettext:no-python-format
        "Notice was given and its deadline passed. Over the last {days} days the project used "
        "{use}% of its servers; the rule asks for {below}%. Servers that go back: "
        "{servers} of {of_servers}."
    ),
    "reclaim.pull_back_award": _(
        # xgettext:no-python-format
        "Notice was given and its deadline passed. The project has used {use}% of its award; "
        "{hours} accelerator-hours go back."
    ),
    "reclaim.pull_back_plan": _(
        # xgettext:no-python-format
        "Notice was given and its deadline passed. The project has used {use}% of what it "
        "planned to use by now; {hours} accelerator-hours go back."
    ),
    "reclaim.pull_back_line": _(
        "Notice was given and its deadline passed. {hours} accelerator-hours stand above the "
        "straight line from the award to zero as of {occasion} and go back."
    ),
    "reclaim.recovered": _("Use has recovered: the notice is withdrawn."),
    "reclaim.rule_gone": _("The programme no longer has this rule: its notice is withdrawn."),
    "reclaim.exempt": _("The project is exempt from this rule."),
    "reclaim.enough_use": _("Use is what the rule asks for."),
    "reclaim.nothing_to_remove": _("There is nothing left that the rule could pull back."),
    "reclaim.no_metric": _(
        "Use is not known for all of the time that the rule looks at. No metric is not zero use: "
        "nothing is decided."
    ),
    "reclaim.no_plan": _("The project has no plan of use up to now to compare its use with."),
    "reclaim.notice_running": _("Notice was given; nothing is pulled back before {deadline}."),
    "reclaim.other_notice": _("A notice under rule {other} comes first."),
    "reclaim.first_days": _("The rule does not look at the project before {until}."),
    "reclaim.window_not_full": _(
        "The rule looks at {days} whole days, and fewer have passed since the allocation started "
        "or was last reduced."
    ),
    "reclaim.not_due": _("The rule has no date to look at now."),
    "reclaim.already_done": _("The rule was carried out for {occasion} and is not again."),
    "reclaim.not_running": _("The allocation does not run at this time."),
}
