"""Whose a job is: what the gate is asked with."""

from __future__ import annotations

from dataclasses import dataclass

from dure.hub.allocations.models import Project
from dure.hub.jobs.models import Job
from dure.hub.people.models import User


@dataclass(frozen=True, slots=True)
class Membership:
    """A project as its members have it: who runs jobs for it."""

    project: Project

    def is_of(self, user: User) -> bool:
        return self.project.members.filter(pk=user.pk).exists()


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as who handed it in has it, while they are a member."""

    job: Job

    def is_of(self, user: User) -> bool:
        return self.job.submitted_by_id == user.pk and self.job.is_of(user)
