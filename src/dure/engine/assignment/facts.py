"""What an assignment is decided from, and what it decides.

- Names are as they were written, in Korean or English; `conflicts` compares them by their keys.
- A held review that was given stays, whatever its due time; only one not yet given can be late.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Intent, Plan

Pair = tuple[str, str]
"""An application and a reviewer, by id."""


class Submission(Frozen):
    """`people` take part in it; `providers` are those it prefers or depends on, by name; those of
    one `group` compete with each other."""

    application: str
    organisation: str
    partners: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    field: str = ""
    keywords: tuple[str, ...] = ()
    group: str = ""


class PastProject(Frozen):
    """With whom the reviewer worked in one project, and the year in which it ended."""

    organisation: str = ""
    person: str = ""
    year: int


class Reviewer(Frozen):
    """`fields` are the reviewer's own, `other_fields` those they can judge too.

    `declared`: organisations or applications with which they declared a conflict. `supplies`:
    providers to whom they are tied, beside their own organisation. `competes_in`: the groups in
    which they have an application themselves. `most`: how many reviews they take at most.
    """

    reviewer: str
    name: str = ""
    organisation: str
    fields: tuple[str, ...] = ()
    other_fields: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    past_projects: tuple[PastProject, ...] = ()
    supplies: tuple[str, ...] = ()
    competes_in: tuple[str, ...] = ()
    most: int | None = Field(default=None, ge=0)


class Held(Frozen):
    """A review that is somebody's already: when it is due, and whether it was given."""

    application: str
    reviewer: str
    due_at: AwareDatetime | None = None
    reviewed: bool = False

    @property
    def pair(self) -> Pair:
        return self.application, self.reviewer


class AssignmentSnapshot(Frozen):
    """`barred`: pairs that may not be made again, as the reviewer stepped back or was replaced."""

    call: str
    submissions: tuple[Submission, ...]
    reviewers: tuple[Reviewer, ...]
    held: tuple[Held, ...] = ()
    barred: tuple[Pair, ...] = ()

    @model_validator(mode="after")
    def _once_each(self) -> AssignmentSnapshot:
        require_distinct("application", (s.application for s in self.submissions))
        require_distinct("reviewer", (r.reviewer for r in self.reviewers))
        require_distinct("review", (f"{h.application} by {h.reviewer}" for h in self.held))
        return self


class AssignmentPolicy(Frozen):
    """`reviews`: how many each application gets. `most_reviews`: how many anybody takes at most.

    `co_projects_since`: a project together that ended in this year or later is a conflict.
    """

    reviews: int = Field(gt=0)
    most_reviews: int | None = Field(default=None, gt=0)
    co_projects_since: int = 0
    replace_late: bool = False


class Assigned(Intent):
    application: str
    reviewer: str


class AssignmentPlan(Plan):
    """Both lists by application and reviewer; `short`: applications with too few reviewers."""

    kind: Literal["assignment"] = "assignment"
    intents: tuple[Assigned, ...]
    withdrawn: tuple[Assigned, ...] = ()
    short: tuple[str, ...]
