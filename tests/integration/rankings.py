"""Rankings with a correction: of a simulated panel, and of the small programme's reviewers."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from tests.integration import small
from tests.integration.kept import kept
from tests.integration.small import NOW, World, found_again
from tests.unit.engine.panels import Shape, rubric, simulated

from dure.engine import scoring
from dure.hub import programmes
from dure.hub.allocations import decisions
from dure.hub.allocations.models import Decision
from dure.hub.calls import operations as calls
from dure.hub.calls.models import Call
from dure.hub.people.gate import STEWARD
from dure.hub.people.models import Role
from dure.hub.reviews import operations as reviews
from dure.hub.reviews.models import Assignment
from dure.vocabulary.programme_file import parse_programme

SHAPE = Shape(applications=60, reviewers=30, stretch_sd=0.2)


@transaction.atomic
def rank_simulated(call: Call, now: datetime, shape: Shape = SHAPE) -> Decision:
    """Its applications are not in the call: they have numbers and no titles."""
    snapshot = simulated(1, shape).snapshot
    header = decisions.next_header(programme=call.programme, now=now, seed="s")
    return decisions.record(
        programme=call.programme,
        call=call,
        snapshot=snapshot,
        policy=rubric(),
        plan=scoring.plan(snapshot, rubric(), header),
        by=STEWARD,
        applied=True,
        moves_capacity=False,
    )


def rank_with_a_strict_reviewer(*, pass_mark: int) -> World:
    """Seven apply and reviewer1 gives twenty points less: raw and corrected orders differ.

    |              | ann  | bob  | cho  | dan  | eve  | fay  | gil  |
    | corrected    | 73.3 | 70.3 | 67.3 | 64.3 | 61.3 | 58.3 | 55.3 |
    | raw          | 70   | 67   | 74   | 61   | 58   | 65   | 52   |
    """
    return kept(
        f"{__name__} strict {pass_mark}",
        lambda: _ranked_with_a_strict_reviewer(pass_mark),
        found_again,
    )


def _ranked_with_a_strict_reviewer(pass_mark: int) -> World:
    world = small.submitted()
    for name, laboratory in (("dan", "Qoo"), ("eve", "Wix"), ("fay", "Ebb"), ("gil", "Rum")):
        belongs = small.organisation(laboratory, "industry")
        world.people[name] = small.person(name, Role.APPLICANT, belongs)
        small.submit(world, name)
    calls.close_call(call=world.call, by=STEWARD, now=NOW)
    calls.screen_call(call=world.call, by=STEWARD, now=NOW)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    rubric = f"rubric:\n  correction: mixed-effects\n  pass_mark: {pass_mark}\n"
    text = small.FILE.read_text().replace("rubric:\n", rubric)
    programmes.load(programme=parse_programme(text, file="small.yaml"), by=STEWARD, now=NOW)
    merit = {one.number: 50 - 3 * n for n, one in enumerate(world.applications.values())}
    for one in Assignment.objects.select_related("reviewer", "application").order_by("pk"):
        less = 20 if one.reviewer.username == "reviewer1" else 0
        points = {"merit": merit[one.application.number] - less, "plan": 30}
        reviews.submit_review(assignment=one, points=points, comment="", by=one.reviewer, now=NOW)
    reviews.rank_call(call=world.call, by=STEWARD, now=NOW)
    return world
