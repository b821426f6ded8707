"""Sentences of the engines we run ourselves: why a job waits."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "job.no_binding": _("The allocation {allocation} is not in force on this cluster now."),
    "job.binding_closed": _("The allocation {allocation} is {state} and starts nothing new."),
    "job.over_guarantee": _(
        "The allocation {allocation} already uses {held} of its {limit} accelerators; "
        "the job starts when enough of them are free."
    ),
    "job.taking_back": _(
        "Lent accelerators are being taken back for this job; it starts as soon as "
        "{accelerators} of them are free."
    ),
    "job.pool_short": _(
        "The pool cannot free {accelerators} accelerators now: "
        "the rest is in guaranteed use or down."
    ),
    "job.not_lent": _("The project {project} may not use lent capacity of this pool now."),
    "job.lent_share_full": _(
        "The project {project} already uses what it may borrow here ({limit} accelerators)."
    ),
    "job.nothing_idle": _("The job needs {accelerators} idle accelerators; {idle} are idle now."),
}
