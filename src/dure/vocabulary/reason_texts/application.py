"""Sentences about the answers of an application."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "answer.required": _("Please answer this question."),
    "answer.not_a_number": _("Please write a whole number."),
    "answer.too_small": _("The smallest number possible here is {minimum}."),
    "answer.too_large": _("The largest number possible here is {maximum}."),
    "answer.too_long": _("Please write at most {limit} characters; there are {length} now."),
    "answer.not_a_choice": _("Please choose one of the options."),
    "answer.not_a_date": _("Please write the date as year-month-day, such as 2026-03-01."),
    "answer.not_a_share": _("Please write a share between 0% and 100%."),
    "answer.not_an_organisation": _("Please write the name of an organisation: {line}"),
    "answer.wrong_registration_number": _(
        "The registration number {number} of {name} is not right: its check digit does not fit."
    ),
    "answer.too_many_organisations": _("Please name at most {maximum}; there are {count} now."),
    "answer.too_few_organisations": _("Please name at least {minimum}."),
    "answer.unknown_field": _("The form has no such question."),
}
