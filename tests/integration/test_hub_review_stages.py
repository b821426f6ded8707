"""Reviews over stages: late reviewers are replaced, panels judge, applicants review each other."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from itertools import permutations
from typing import Final

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.integration import small
from tests.integration.small import NOW, POINTS, World

from dure.engine import assignment as engine
from dure.hub import clock
from dure.hub.calls.models import Application, Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.notices.models import Notice
from dure.hub.people.gate import STEWARD, NotPermitted
from dure.hub.people.models import Role, User
from dure.hub.reviews import operations as reviews
from dure.hub.reviews import queries as desk
from dure.hub.reviews.facts import reviewer_facts
from dure.hub.reviews.models import Assignment, Review, Stage, Verdict
from dure.hub.reviews.stages import ReviewsOutstanding
from dure.hub.supply.models import Programme, ProgrammeDocument

pytestmark = pytest.mark.django_db

LATER: Final = NOW + timedelta(days=15)
LABEL: Final = {"ko": "단계", "en": "Stage"}
DOCUMENT: Final = {
    "id": "document", "label": LABEL, "kind": "document", "reviews": 2,
    "panel": {"majority": True},
}  # fmt: skip
HEARING: Final = {
    "id": "hearing", "label": LABEL, "kind": "presentation", "reviews": 1, "criteria": ["merit"],
}  # fmt: skip
PEER: Final = {
    "id": "peer", "label": LABEL, "kind": "peer", "reviews": 2, "due_days": 10,
    "peer": {"reviews_each": 2, "tiers": ["0.7", "0.4"]},
}  # fmt: skip


def with_stages(*stages: dict[str, object]) -> World:
    """Screened, with these stages in the programme's file."""
    world = small.screened()
    document = ProgrammeDocument.objects.get()
    document.rules["calls"][0]["stages"] = list(stages)
    document.save()
    Programme.objects.update(sha256=sha256(repr(stages).encode()).hexdigest())
    return world


def give(world: World, points: dict[str, dict[str, int]], *, by: User | None = None) -> None:
    """Each assigned reviewer gives the applicants named these points."""
    rows = Assignment.objects.filter(state="active", review=None, stage__closed_at=None)
    for row in rows.select_related("reviewer", "application__applicant").order_by("pk"):
        name = row.application.applicant.username
        if name in points and by in (None, row.reviewer):
            reviews.submit_review(
                assignment=row, points=points[name], comment="", by=row.reviewer, now=NOW
            )


def pairs(state: str = "active") -> set[tuple[str, str]]:
    rows = Assignment.objects.filter(state=state)
    return set(rows.values_list("application__applicant__username", "reviewer__username"))


@pytest.fixture
def english() -> Client:
    return Client(headers={"accept-language": "en"})


def test_a_late_review_goes_to_another_and_given_ones_stay() -> None:
    world = small.reviewing()
    small.person("reviewer4", Role.REVIEWER)
    give(world, {"ann": POINTS})
    kept = set(Review.objects.values_list("pk", flat=True))
    was_due = {p for p in pairs() if p[0] != "ann"}
    seen = desk.late_replacements(call=world.call, by=world.operator, now=LATER)
    assert Assignment.objects.filter(state="withdrawn").count() == 0
    reviews.replace_late(call=world.call, by=world.operator, now=LATER)
    assert {(w.application, w.reviewer) for w in seen.withdrawn} == set(
        Assignment.objects.filter(state="withdrawn").values_list(
            "application__number", "reviewer__username"
        )
    )
    assert set(Review.objects.values_list("pk", flat=True)) == kept
    assert pairs("withdrawn") <= was_due
    assert {r for _, r in pairs() - was_due if r != "reviewer4"} <= {"reviewer1", "reviewer2"}
    assert ("bob", "reviewer4") in pairs()
    new = Assignment.objects.get(
        reviewer__username="reviewer4", application__applicant=world["bob"]
    )
    assert new.due_at == LATER + timedelta(days=14)


def test_both_reviewers_are_told_and_the_late_one_sees_it_no_longer() -> None:
    world = small.reviewing()
    four = small.person("reviewer4", Role.REVIEWER)
    Notice.objects.all().delete()
    reviews.replace_late(call=world.call, by=world.operator, now=LATER)
    row = Assignment.objects.filter(state="withdrawn").select_related("reviewer").earliest("pk")
    codes = Notice.objects.filter(recipient=row.reviewer).values_list("reason__code", flat=True)
    assert set(codes) == {"assignment.late"}
    told = Notice.objects.get(recipient=four)
    assert told.reason["code"] == "assignment.asked"
    seen = desk.my_assignments(row.reviewer)
    assert row.pk not in {a.pk for a in (*seen.to_do, *seen.done)}
    with pytest.raises(NotPermitted):
        desk.assignment_for(row.reviewer, row.pk)
    with pytest.raises(NotPermitted):
        reviews.submit_review(assignment=row, points=POINTS, comment="", by=row.reviewer, now=LATER)


def test_nothing_is_replaced_before_it_is_due() -> None:
    world = small.reviewing()
    small.person("reviewer4", Role.REVIEWER)
    before = pairs()
    reviews.replace_late(call=world.call, by=world.operator, now=NOW + timedelta(days=13))
    assert pairs() == before


def test_an_application_goes_on_only_if_it_passes_its_stage() -> None:
    world = with_stages(DOCUMENT, HEARING)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    with pytest.raises(ReviewsOutstanding):
        reviews.close_stage(call=world.call, by=world.operator, now=NOW)
    low = {"merit": 10, "plan": 10}
    give(world, {"ann": POINTS, "bob": POINTS, "cho": low})
    reviews.close_stage(call=world.call, by=world.operator, now=NOW)
    cho = Application.objects.get(applicant=world["cho"])
    assert cho.state == Application.State.REJECTED
    assert cho.failures[0]["reason"]["code"] == "panel.no_majority"
    passed = Verdict.objects.filter(passed=True).values_list(
        "application__applicant__username", flat=True
    )
    assert set(passed) == {"ann", "bob"}
    hearing = Assignment.objects.filter(stage__key="hearing")
    assert set(hearing.values_list("application__applicant__username", flat=True)) == {"ann", "bob"}
    with pytest.raises(NotAtThisStage):
        reviews.close_stage(call=world.call, by=world.operator, now=NOW)
    give(world, {"ann": {"merit": 20}, "bob": {"merit": 50}})
    reviews.rank_call(call=world.call, by=world.operator, now=NOW)
    ranks = dict(
        Application.objects.filter(rank__isnull=False).values_list("applicant__username", "rank")
    )
    assert ranks == {"bob": 1, "ann": 2}
    assert not Stage.objects.filter(closed_at=None).exists()


def test_the_call_is_not_ranked_before_its_last_stage() -> None:
    world = with_stages(DOCUMENT, HEARING)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    with pytest.raises(NotAtThisStage):
        reviews.rank_call(call=world.call, by=world.operator, now=NOW)
    assert Call.objects.get().state == Call.State.REVIEWING


def test_nobody_is_judged_unseen_even_after_the_due_time() -> None:
    world = with_stages(DOCUMENT, HEARING)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    give(world, {"ann": POINTS, "bob": POINTS})
    with pytest.raises(ReviewsOutstanding) as refused:
        reviews.close_stage(call=world.call, by=world.operator, now=LATER)
    assert refused.value.unread == (world.applications["cho"].number,)
    assert Stage.objects.get().closed_at is None


def test_a_review_of_a_closed_stage_can_no_longer_be_changed() -> None:
    world = with_stages(DOCUMENT, HEARING)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    give(world, dict.fromkeys(("ann", "bob", "cho"), POINTS))
    reviews.close_stage(call=world.call, by=world.operator, now=NOW)
    row = Assignment.objects.filter(stage__key="document").select_related("reviewer").earliest("pk")
    with pytest.raises(NotAtThisStage):
        reviews.submit_review(assignment=row, points=POINTS, comment="", by=row.reviewer, now=NOW)


def test_a_stage_takes_points_for_its_own_criteria_alone() -> None:
    world = with_stages(HEARING)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    row = Assignment.objects.select_related("reviewer").earliest("pk")
    with pytest.raises(reviews.PointsInvalid):
        reviews.submit_review(assignment=row, points=POINTS, comment="", by=row.reviewer, now=NOW)


def test_applicants_review_each_other_and_who_owes_a_review_is_rejected() -> None:
    world = with_stages(PEER)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    assert pairs() == set(permutations(("ann", "bob", "cho"), 2))
    give(world, {"ann": POINTS, "bob": POINTS}, by=world["cho"])
    give(world, {"bob": POINTS, "cho": POINTS}, by=world["ann"])
    give(world, {"ann": POINTS}, by=world["bob"])
    due = NOW + timedelta(days=10)
    reviews.rank_call(call=world.call, by=world.operator, now=due)
    states = dict(Application.objects.values_list("applicant__username", "state"))
    assert states == {"ann": "ranked", "bob": "rejected", "cho": "rejected"}
    bob = Verdict.objects.get(application__applicant=world["bob"])
    assert bob.reason["code"] == "panel.peer_reviews_missing"
    assert bob.reason["params"] == {"asked": 2, "missing": 1}
    assert Verdict.objects.get(application__applicant=world["ann"]).tier == 1


def test_an_applicant_sees_what_they_review_and_nothing_else() -> None:
    world = with_stages(PEER)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    seen = desk.my_assignments(world["ann"])
    assert {a.application.applicant_id for a in seen.to_do} == {world["bob"].pk, world["cho"].pk}
    of_bob = Assignment.objects.get(reviewer=world["bob"], application__applicant=world["ann"])
    with pytest.raises(NotPermitted):
        desk.assignment_for(world["ann"], of_bob.pk)
    with pytest.raises(NotPermitted):
        reviews.submit_review(
            assignment=of_bob, points=POINTS, comment="", by=world["ann"], now=NOW
        )


def test_an_applicant_who_is_asked_for_reviews_finds_them_from_their_applications(
    english: Client,
) -> None:
    world = with_stages(PEER)
    english.force_login(world["ann"])
    asked = "You are asked to review 2 applications of other applicants."
    assert asked not in english.get("/applications/").content.decode()
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    assert asked in english.get("/applications/").content.decode()
    row = Assignment.objects.filter(reviewer=world["ann"]).earliest("pk")
    assert english.get(f"/reviews/{row.pk}/").status_code == 200
    other = Assignment.objects.filter(reviewer=world["bob"]).earliest("pk")
    assert english.get(f"/reviews/{other.pk}/").status_code == 404


def test_what_a_person_says_of_themselves_keeps_them_from_a_recent_partner() -> None:
    world = small.screened()
    reviews.describe_reviewer(
        user=world["reviewer1"],
        other_fields=(),
        keywords=("vision",),
        supplies=(),
        past_projects=(
            engine.PastProject(organisation="Bada Co., Ltd.", year=2024),
            engine.PastProject(organisation="Cho Labs", year=2019),
        ),
        by=world["reviewer1"],
        now=NOW,
    )
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    mine = {a for a, r in pairs() if r == "reviewer1"}
    assert "bob" not in mine
    assert "cho" in mine


def test_the_operators_pages_replace_the_late_and_close_a_stage(
    english: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = with_stages(DOCUMENT, HEARING)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    small.person("reviewer4", Role.REVIEWER)
    english.force_login(world.operator)
    monkeypatch.setattr(clock, "now", lambda: LATER)
    page = english.get("/calls/first/reviewers/").content.decode()
    assert "Replace late reviewers" in page
    assert "Close the stage" in page
    assert "reviewer4" in english.get("/calls/first/reviewers/replace/").content.decode()
    english.post("/calls/first/reviewers/replace/")
    assert Assignment.objects.filter(state="withdrawn").exists()
    give(world, {"ann": POINTS, "bob": POINTS, "cho": {"merit": 0, "plan": 0}})
    monkeypatch.setattr(clock, "now", lambda: LATER + timedelta(days=15))
    assert english.get("/calls/first/reviewers/close/").status_code == 200
    english.post("/calls/first/reviewers/close/")
    assert Stage.objects.get(closed_at=None).key == "hearing"
    english.force_login(world["cho"])
    number = world.applications["cho"].number
    page = english.get(f"/applications/{number}/").content.decode()
    assert "Not passed: 0 of 2 evaluators" in page


def test_ranking_is_offered_once_the_last_stage_is_open(english: Client) -> None:
    world = with_stages(DOCUMENT, HEARING)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    english.force_login(world.operator)
    early = english.get("/operate/").content.decode()
    assert 'href="/calls/first/reviewers/close/">Close the stage</a>' in early
    assert "Rank the applications" not in early
    refused = english.post("/operate/calls/first/rank/", follow=True).content.decode()
    assert "That step is done already, or not due yet." in refused
    shown = english.post("/operate/calls/first/close-stage/", follow=True).content.decode()
    assert "This cannot be undone." in shown
    assert Stage.objects.get(closed_at=None).key == "document"
    give(world, {"ann": POINTS, "bob": POINTS, "cho": POINTS})
    english.post("/calls/first/reviewers/close/")
    late = english.get("/operate/").content.decode()
    assert 'href="/operate/calls/first/rank/">Rank the applications</a>' in late
    assert "Close the stage" not in late


def test_a_reviewer_writes_down_their_ties(english: Client) -> None:
    world = small.screened()
    english.force_login(world["reviewer1"])
    sent = {"keywords": "vision\nspeech", "past_projects": "2025, Bada, \n2024, , Hong Gildong"}
    refused = english.post("/reviews/me/", {**sent, "past_projects": "last year, Bada"})
    assert refused.status_code == 422
    assert "last year, Bada" in refused.content.decode()
    assert english.post("/reviews/me/", sent).status_code == 302
    facts = reviewer_facts(User.objects.get(username="reviewer1"))
    assert facts.keywords == ("vision", "speech")
    assert [(p.year, p.organisation, p.person) for p in facts.past_projects] == [
        (2024, "", "Hong Gildong"),
        (2025, "Bada", ""),
    ]
    again = english.get("/reviews/me/").content.decode()
    assert "2025, Bada" in again


@pytest.mark.parametrize("page", ["/calls/first/reviewers/", "/calls/first/reviewers/replace/"])
def test_the_pages_of_reviewers_take_few_queries(
    page: str, english: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = with_stages(DOCUMENT, HEARING)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    english.force_login(world.operator)
    monkeypatch.setattr(clock, "now", lambda: LATER)
    english.get(page)  # the programme's document is parsed once a process
    for n in range(4, 40):
        small.person(f"reviewer{n}", Role.REVIEWER)
    with CaptureQueriesContext(connection) as asked:
        assert english.get(page).status_code == 200
    assert len(asked) <= 12
