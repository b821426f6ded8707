"""Sentences of the screening decision."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "screening.admitted": _("The application meets every eligibility rule of the call."),
    "screening.refused": _("The application does not meet these eligibility rules: {rules}."),
    "screening.sum": _("These answers add up to {sum}; they must add up to {total}."),
    "screening.too_early": _("{given} is too early; the earliest day possible is {needed}."),
    "screening.no_certificate": _("The programme has no such certificate of the organisation."),
    "screening.certificate_ends": _(
        "The certificate on record is good until {given}; it must be good until {needed}."
    ),
    "screening.few_partners": _("Partners named: {count}. Needed at least: {limit}."),
    "screening.many_partners": _("Partners named: {count}. Allowed at most: {limit}."),
    "screening.partner_leases": _(
        "The partner {partner} leases accelerators to the programme and cannot take part."
    ),
    "screening.partner_sanctioned": _(
        "The partner {partner} is under a sanction of the programme and cannot take part."
    ),
    "screening.no_partner_of_sector": _(
        "None of the partners is registered with the programme in a sector that is needed."
    ),
    "screening.no_partner_of_region": _(
        "None of the partners is registered with the programme in a region that is needed."
    ),
    "screening.running_awards": _(
        "Running awards of the organisation: {count}. It must be fewer than {limit}."
    ),
    "screening.sanctioned": _("The organisation is under a sanction of the programme."),
    "screening.sanctioned_until": _(
        "The organisation is under a sanction of the programme until {until}."
    ),
    "screening.report_overdue": _("A report of the organisation is overdue by {days} days."),
    "screening.applied_before": _(
        "Applications submitted before this one: {count}. Allowed in all: {limit}."
    ),
    "screening.same_project": _(
        "The operator found it to be the same project as application {first}, which is kept."
    ),
    "duplicate.text": _("Titles and summaries agree by {percent} %."),
    "duplicate.title": _("The titles are the same."),
    "duplicate.organisation": _("Both come from one organisation: {first} and {second}."),
    "duplicate.number": _("Both give the registration number {number}."),
    "duplicate.person": _("Both name the same person: {first} and {second}."),
    "duplicate.spelling": _(
        "The names differ only in spaces, marks or legal form: {first} and {second}."
    ),
    "duplicate.names": _(
        "The names may mean one organisation, in another language or form: {first} and {second}."
    ),
}
