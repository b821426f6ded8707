"""Applications and reviewers as the assignment sees them.

- The form's questions `field`, `keywords`, `people`, `providers` and `partners` say what decides
  expertise and conflicts; so does every question that names organisations. A list is written one
  entry a line. A form without one of them says nothing of it.
- In peer review the applicants are the reviewers, each once, however many applications they have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from dure.engine import assignment
from dure.hub.calls.models import Application, Call
from dure.hub.people.models import Role, User
from dure.hub.reviews.models import ReviewerProfile
from dure.vocabulary.programme import Programme

FIELD, KEYWORDS, PEOPLE, PROVIDERS, PARTNERS = (
    "field", "keywords", "people", "providers", "partners",
)  # fmt: skip

NO_PROFILE: Final = ReviewerProfile()


def submission_of(application: Application) -> assignment.Submission:
    """What decides conflicts and expertise."""
    answers = application.answers
    organisations = {PARTNERS, *(key for key, value in answers.items() if isinstance(value, list))}
    partners = [name for key in sorted(organisations) for name in _names(answers.get(key))]
    people = [application.applicant.display_name, *_names(answers.get(PEOPLE))]
    return assignment.Submission(
        application=application.number,
        organisation=application.organisation.name,
        partners=tuple(partners),
        people=tuple(name for name in people if name),
        providers=tuple(_names(answers.get(PROVIDERS))),
        field=str(answers.get(FIELD, "")),
        keywords=tuple(_names(answers.get(KEYWORDS))),
        group=f"{application.track}/{application.size_class}",
    )


def reviewer_facts(user: User) -> assignment.Reviewer:
    """A reviewer as the assignment sees them."""
    profile = getattr(user, "reviewer_profile", NO_PROFILE)
    return assignment.Reviewer(
        reviewer=user.username,
        name=user.display_name,
        organisation=user.organisation.name if user.organisation else "",
        fields=tuple(user.fields_of_expertise),
        other_fields=tuple(profile.other_fields),
        keywords=tuple(profile.keywords),
        declared=tuple(sorted(c.subject for c in user.declared_conflicts.all())),
        past_projects=tuple(
            sorted(
                (
                    assignment.PastProject(
                        organisation=p.organisation, person=p.person, year=p.year
                    )
                    for p in user.past_projects.all()
                ),
                key=lambda past: (past.year, past.organisation, past.person),
            )
        ),
        supplies=tuple(profile.supplies),
        most=profile.most_reviews,
    )


def peers(
    applications: Iterable[Application], *, competitors_apart: bool
) -> list[assignment.Reviewer]:
    """The applicants as reviewers; each stands back from what they applied with themselves."""
    own: dict[User, list[Application]] = {}
    for application in applications:
        own.setdefault(application.applicant, []).append(application)
    found = []
    for user, theirs in own.items():
        facts = reviewer_facts(user)
        groups = {submission_of(application).group for application in theirs}
        numbers = {application.number for application in theirs}
        found.append(
            facts.model_copy(
                update={
                    "declared": tuple(sorted({*facts.declared, *numbers})),
                    "competes_in": tuple(sorted(groups)) if competitors_apart else (),
                }
            )
        )
    return found


def reviewers() -> QuerySet[User]:
    """Everybody who reviews by office, with what decides conflicts."""
    return with_ties(User.objects.filter(role=Role.REVIEWER, is_active=True)).order_by("username")


def with_ties(users: QuerySet[User]) -> QuerySet[User]:
    """People with what decides their conflicts, in few queries."""
    return users.select_related("organisation", "reviewer_profile").prefetch_related(
        "declared_conflicts", "past_projects"
    )


def co_projects_since(call: Call, document: Programme) -> int:
    """The first year of which a project together is a conflict."""
    return closing_year(call, document.zone) - document.reviewing.conflict_years


def closing_year(call: Call, zone: ZoneInfo) -> int:
    return call.closes_at.astimezone(zone).year


def _names(answer: object) -> list[str]:
    """The lines of a text, or the names of a list of organisations."""
    if isinstance(answer, list):
        named = (entry.get("name") if isinstance(entry, dict) else entry for entry in answer)
        return [name.strip() for name in named if isinstance(name, str) and name.strip()]
    return [line.strip() for line in str(answer or "").splitlines() if line.strip()]
