"""Sentences of the engines we run ourselves: why a job waits."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "job.no_binding": _("The allocation {allocation} is not in force on this cluster now."),
    "job.binding_closed": _("The allocation {allocation} is {state} and starts nothing new."),
    "job.over_guarantee": _(
        "Accelerators in use by the allocation {allocation}: {held} of {limit}; "
        "the job starts when enough of them are free."
    ),
    "job.taking_back": _(
        "Lent accelerators are being taken back for this job; it starts as soon as "
        "{accelerators} of them are free."
    ),
    "job.pool_short": _(
        "The pool cannot free what the job needs now (accelerators: {accelerators}): "
        "the rest is in guaranteed use or down."
    ),
    "job.not_lent": _("The project {project} may not use lent capacity of this pool now."),
    "job.lent_share_full": _(
        "The project {project} already uses what it may borrow here (accelerators: {limit})."
    ),
    "job.lent_part_full": _("Lent work already uses all that the site gives of this pool."),
    "job.nothing_idle": _(
        "Idle accelerators that the job needs: {accelerators}; idle now: {idle}."
    ),
    "job.waits_its_turn": _(
        "It gave way or was put off; it may start again from {until} on, "
        "or earlier where there is room."
    ),
    "job.engine_says": _("Slurm says why it waits: {words}."),
    "job.to_be_handed_in": _("The site hands the job in next."),
    "job.handing_in": _(
        "The site has begun to hand the job in and waits for its scheduler's answer."
    ),
    "job.not_looked_at": _("The site's scheduler has not come to the job yet."),
    "job.not_listed": _("The site's scheduler does not list the job at the moment."),
    "job.no_right_anywhere": _(
        "The project may run no jobs now: it has no active allocation, and nothing is lent to it."
    ),
    "job.no_right_here": _("The project may not run jobs in pool {pool}."),
    "job.no_such_allocation": _("The project has no active allocation {allocation}."),
    "job.nowhere": _("None of the project's places can run this job."),
    "job.several_sites": _(
        "The project may run it at several sites ({clusters}): please choose one, or let the best "
        "be chosen."
    ),
    "job.too_many": _("The project has {most} open jobs already; please wait until some are over."),
    "job.command_too_long": _(
        "The command with its variables is longer than {most} KiB: please put it into a file at "
        "the site."
    ),
    "job.started_elsewhere": _(
        "The job was started at the site itself: it is ended there, on a Slurm cluster with "
        "scancel."
    ),
    "job.lost": _("The site's scheduler no longer knows the job, nor how it ended."),
}
