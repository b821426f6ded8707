"""What the hub's user API asks and answers of what-if studies."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from dure.client.models import View


class StudyAsked(View):
    """What is to be played. Without `policies` or `seeds`: those of the scenario.

    `scenario` is its YAML text; it names no file, for none comes with it here.
    """

    name: str = Field(min_length=1, max_length=80)
    scenario: str
    policies: tuple[str, ...] = ()
    seeds: int | None = Field(default=None, ge=1)


class StudyFileView(View):
    """A file of a study, to be fetched by its name."""

    name: str
    size: int
    sha256: str


class StudyView(View):
    """One study: how far it is, or what it came to."""

    id: int
    name: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    policies: tuple[str, ...]
    seeds: int
    days: int
    played_days: int
    all_days: int
    asked_by: str
    asked: AwareDatetime
    started: AwareDatetime | None = None
    ended: AwareDatetime | None = None
    answer: str | None = None
    recommended: str | None = None
    failure: str | None = None
    files: tuple[StudyFileView, ...] = ()


class StudiesView(View):
    """One page of the studies, the latest first; `before` is the next page's, if there is one."""

    studies: tuple[StudyView, ...]
    before: int | None = None
