"""Sentences of the assignment of reviewers."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "assignment.by_field": _(
        "A reviewer of the field {field} without a conflict of interest, who holds {load} reviews."
    ),
    "assignment.by_keywords": _(
        "A reviewer who knows the subject ({keywords}), without a conflict of interest, who holds"
        " {load} reviews."
    ),
    "assignment.by_load": _(
        "A reviewer without a conflict of interest, who holds {load} reviews; chosen so that"
        " reviewers carry even loads."
    ),
    "assignment.same_organisation": _(
        "The reviewer belongs to the organisation that applies, so may not review the application."
    ),
    "assignment.partner_organisation": _(
        "The reviewer belongs to a partner of the application, so may not review it."
    ),
    "assignment.declared": _(
        "The reviewer has declared a conflict of interest, so may not review the application."
    ),
    "assignment.takes_part": _(
        "Somebody of the reviewer's name takes part in the application, so the reviewer may not"
        " review it."
    ),
    "assignment.past_project": _(
        "The reviewer recently worked in a project with those who apply, so may not review the"
        " application."
    ),
    "assignment.supplier": _(
        "The reviewer is tied to a provider that the application depends on, so may not review it."
    ),
    "assignment.competitor": _(
        "The reviewer has an application in the same competition, so may not review this one."
    ),
    "assignment.late": _(
        "The review was not given by its due date, so somebody else reviews the application."
    ),
    # Translators: a notice to the reviewer; `due` is a date.
    "assignment.asked": _("You are asked for {count} reviews by {due}."),
    "assignment.left": _(
        "The reviewer takes part no longer, so somebody else reviews the application."
    ),
}
