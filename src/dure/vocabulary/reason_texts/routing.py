"""Sentences of routing: where a job runs, when it would start, and why not elsewhere."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "routing.free": _("It starts at once. Accelerators of the allocation that are free: {left}."),
    "routing.free_within": _(
        "It starts within seconds ({seconds} at most, as measured); what is lent gives way. "
        "Accelerators of the allocation that are free: {left}."
    ),
    "routing.after_own": _(
        "It starts when the project's own jobs have ended. Accelerators of the allocation that are "
        "free: {left} of {limit}; the job needs {needs}."
    ),
    "routing.idle": _(
        "It starts at once on lent capacity. Accelerators of the pool that stand idle: {idle}."
    ),
    "routing.estimated": _("On lent capacity, at the time that the site expects."),
    "routing.no_time": _(
        "On lent capacity, when enough of it stands idle (accelerators: {needs}); the site sees no "
        "time for that yet."
    ),
    "routing.no_estimate": _(
        "On lent capacity, as soon as enough of it stands idle (accelerators: {needs}); the site "
        "gives no time."
    ),
    "routing.loan_in_use": _(
        "It starts when the project's own jobs on lent capacity have ended. Accelerators that it "
        "may still borrow: {left} of {limit}."
    ),
    "routing.lent_not_wanted": _(
        "This is lent capacity, which may be taken back; the job shall not be preempted."
    ),
    "routing.guarantee_not_wanted": _("The job shall run on lent capacity only."),
    "routing.other_model": _("{model} is none of the models that will do."),
    "routing.little_memory": _(
        "Each accelerator has {has} GB of memory, and the job needs {needs} GB."
    ),
    "routing.beyond_allocation": _(
        "The job is larger than the allocation (accelerators: {needs} of {limit})."
    ),
    "routing.beyond_loan": _(
        "The job is larger than what the project may borrow here (accelerators: {needs} of "
        "{limit})."
    ),
    "routing.not_begun": _("The allocation has not begun yet."),
    "routing.over": _("The allocation has ended."),
    "routing.outlasts": _("The allocation ends before the job's time limit would."),
    "routing.silent": _("The site {cluster} has not been heard of lately."),
    "routing.down": _(
        "Too many nodes of the pool are down (accelerators that work: {up}; the job needs {needs})."
    ),
    "routing.starts_later": _("The job starts earlier in {pool}."),
    "routing.may_be_taken_back": _("In {pool} it runs under a guarantee and is not taken back."),
    "routing.model_less_wanted": _("{model} is wanted more."),
    "routing.larger_than_needed": _("{model} is large enough; what is larger stays free."),
    "routing.less_left": _(
        "More is left for the project's next jobs in {pool} (accelerators: {there}; here: {left})."
    ),
    "routing.by_name": _("As good as {pool}, which comes first by name."),
}
