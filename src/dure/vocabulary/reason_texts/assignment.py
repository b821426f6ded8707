"""Sentences of the assignment of reviewers."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "assignment.by_field": _(
        "A reviewer of the field {field} without a conflict of interest, who holds {load} reviews."
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
}
