"""What the hub's API says of a call's reviewers."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from dure.client.models import View
from dure.vocabulary.frozen import Text


class StageView(View):
    """A stage of the review. `late` reviews are past their due time and not given."""

    id: str
    label: Text
    kind: Literal["document", "written", "presentation", "site_visit", "peer"]
    state: Literal["ahead", "open", "closed"]
    due: AwareDatetime | None
    asked: int
    given: int
    late: int
    passed: int
    failed: int


class ReviewerView(View):
    """Somebody who reviews in the open stage, by user name."""

    reviewer: str
    organisation: str
    asked: int
    given: int
    late: int
    due: AwareDatetime | None


class ReviewersView(View):
    """`short`: how many applications have fewer reviewers than the open stage asks for."""

    call: str
    stages: tuple[StageView, ...]
    short: int
    reviewers: tuple[ReviewerView, ...]


class ChangeView(View):
    """Of one application: who leaves, and who reviews it instead."""

    application: str
    leaving: tuple[str, ...]
    coming: tuple[str, ...]


class ReplacementView(View):
    """Late reviewers and their substitutes; `done` says whether it was carried out.

    `short`: applications that have fewer reviewers than they should even so.
    """

    call: str
    done: bool
    changes: tuple[ChangeView, ...]
    short: tuple[str, ...]
