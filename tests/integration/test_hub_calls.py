"""Applications, screening and review: what is kept, what is refused, and who never sees what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.integration import small
from tests.integration.small import DECIDED, NOW, POINTS

from dure.hub.calls import operations as calls
from dure.hub.calls.models import Application, Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import STEWARD, NotPermitted
from dure.hub.people.models import Organisation, Role
from dure.hub.reviews import operations as reviews
from dure.hub.reviews import queries as desk
from dure.hub.reviews.models import Assignment, DeclaredConflict, Review
from dure.hub.supply.models import Programme, ProgrammeDocument

pytestmark = pytest.mark.django_db


def test_a_draft_keeps_its_good_answers_when_others_are_mistyped() -> None:
    world = small.opened()
    started = calls.start_application(call=world.call, by=world["ann"], now=NOW)
    mistyped = {"title": "Kept", "servers": "many", "months": "13", "model": "B200", "who": "me"}
    with pytest.raises(calls.AnswersInvalid) as refused:
        calls.save_draft(application=started, answers={**mistyped}, by=world["ann"], now=NOW)
    assert {name: why.code for name, why in refused.value.problems.items()} == {
        "servers": "answer.not_a_number",
        "months": "answer.too_large",
        "model": "answer.not_a_choice",
        "who": "answer.unknown_field",
    }
    kept = Application.objects.get(pk=started.pk)
    assert (kept.answers, kept.title) == ({"title": "Kept"}, "Kept")


def test_what_is_missing_stops_the_submission_and_is_named() -> None:
    world = small.opened()
    unfinished = small.draft(world, "ann", months="", servers="")
    with pytest.raises(calls.UnableToSubmit) as refused:
        calls.submit_application(application=unfinished, by=world["ann"], now=NOW)
    assert {p.field for p in refused.value.problems} >= {"servers", "months"}
    assert Application.objects.get().state == Application.State.DRAFT


def test_nothing_is_submitted_after_the_call_has_closed() -> None:
    world = small.opened()
    late = small.draft(world, "ann")
    with pytest.raises(calls.UnableToSubmit, match="call_open"):
        calls.submit_application(application=late, by=world["ann"], now=world.call.closes_at)
    calls.submit_application(
        application=late, by=world["ann"], now=world.call.closes_at - timedelta(seconds=1)
    )


def test_a_closed_call_takes_no_draft_either() -> None:
    world = small.opened()
    calls.close_call(call=world.call, by=STEWARD, now=NOW)
    with pytest.raises(calls.UnableToSubmit, match="call_open"):
        calls.start_application(call=world.call, by=world["ann"], now=NOW)


def test_a_submission_is_not_changed_any_more() -> None:
    world = small.submitted()
    mine = world.applications["ann"]
    with pytest.raises(NotAtThisStage):
        calls.save_draft(application=mine, answers={"title": "New"}, by=world["ann"], now=NOW)
    assert Application.objects.get(pk=mine.pk).title == "A model"


def test_a_withdrawn_application_takes_no_part() -> None:
    world = small.submitted()
    calls.withdraw_application(application=world.applications["bob"], by=world["bob"], now=NOW)
    calls.close_call(call=world.call, by=STEWARD, now=NOW)
    calls.screen_call(call=world.call, by=STEWARD, now=NOW)
    states = dict(Application.objects.values_list("applicant__username", "state"))
    assert states == {"ann": "admitted", "bob": "withdrawn", "cho": "admitted"}


def test_a_lessor_is_refused_with_the_sentence_of_the_rule() -> None:
    world = small.opened()
    with pytest.raises(calls.UnableToSubmit) as refused:
        small.submit(world, "lee")
    assert [p.say.en for p in refused.value.problems] == [
        "A lessor receives nothing while it leases."
    ]


def test_who_became_a_lessor_after_submission_is_refused_at_screening() -> None:
    world = small.submitted()
    company = world["bob"].organisation
    assert company is not None
    world["lee"].organisation = None
    world["lee"].save(update_fields=["organisation"])
    Organisation.objects.filter(registration_number="lessor-number").update(registration_number="")
    company.registration_number = "lessor-number"
    company.save(update_fields=["registration_number"])
    calls.close_call(call=world.call, by=STEWARD, now=NOW)
    calls.screen_call(call=world.call, by=STEWARD, now=NOW)
    refused = Application.objects.get(state=Application.State.REFUSED)
    assert refused.applicant == world["bob"]
    assert [f["say"]["en"] for f in refused.failures] == [
        "A lessor receives nothing while it leases."
    ]


def test_stages_go_forward_only_and_each_once() -> None:
    world = small.screened()
    for again in (calls.open_call, calls.close_call, calls.screen_call):
        with pytest.raises(NotAtThisStage):
            again(call=world.call, by=STEWARD, now=NOW)
    assert Call.objects.get().state == Call.State.SCREENED


def test_a_rule_added_after_submission_is_applied_at_screening() -> None:
    world = small.submitted()
    document = ProgrammeDocument.objects.get()
    rule = {
        "id": "small-only", "kind": "at_most", "field": "servers", "limit": 3,
        "say": {"ko": "3대까지입니다.", "en": "At most three."},
    }  # fmt: skip
    document.rules["eligibility"].append(rule)
    document.save()
    Programme.objects.update(sha256="0" * 64)
    calls.close_call(call=world.call, by=STEWARD, now=NOW)
    calls.screen_call(call=Call.objects.get(), by=STEWARD, now=NOW)
    refused = Application.objects.get(state=Application.State.REFUSED)
    assert refused.applicant == world["cho"]


def test_no_reviewer_is_assigned_to_their_own_organisation() -> None:
    small.reviewing()
    pairs = set(
        Assignment.objects.values_list("application__applicant__username", "reviewer__username")
    )
    assert ("ann", "reviewer3") not in pairs
    assert len([p for p in pairs if p[0] == "ann"]) == 2


def test_a_partner_named_in_the_application_is_a_conflict_too() -> None:
    world = small.opened()
    small.submit(world, "bob", partners="Haneul University\nOthers")
    calls.close_call(call=world.call, by=STEWARD, now=NOW)
    calls.screen_call(call=world.call, by=STEWARD, now=NOW)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    assert set(Assignment.objects.values_list("reviewer__username", flat=True)) == {
        "reviewer1",
        "reviewer2",
    }


def test_a_reviewer_with_a_conflict_neither_sees_nor_scores() -> None:
    world = small.reviewing()
    one = Assignment.objects.get(reviewer=world["reviewer1"], application=world.applications["ann"])
    world["reviewer1"].organisation = world["ann"].organisation
    world["reviewer1"].save(update_fields=["organisation"])
    with pytest.raises(reviews.ConflictOfInterest) as refused:
        reviews.submit_review(
            assignment=one, points=POINTS, comment="", by=world["reviewer1"], now=NOW
        )
    assert refused.value.reason.code == "assignment.same_organisation"
    assert not Review.objects.exists()
    seen = desk.my_assignments(world["reviewer1"])
    assert one.pk not in {a.pk for a in (*seen.to_do, *seen.done)}
    with pytest.raises(NotPermitted):
        desk.assignment_for(world["reviewer1"], one.pk)


def test_a_declared_conflict_ends_the_assignment_and_stays_in_force() -> None:
    world = small.reviewing()
    one = Assignment.objects.filter(reviewer=world["reviewer1"]).earliest("pk")
    number = one.application.number
    reviews.declare_conflict(assignment=one, by=world["reviewer1"], now=NOW)
    assert DeclaredConflict.objects.get().subject == number
    small.person("reviewer4", Role.REVIEWER)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    given = Assignment.objects.filter(application__number=number, state="active")
    assert given.count() == 2
    one.refresh_from_db()
    assert (one.state, one.withdrawn_at) == ("withdrawn", NOW)
    assert not given.filter(reviewer=world["reviewer1"]).exists()


def test_reviewers_are_added_only_where_they_lack() -> None:
    world = small.reviewing()
    before = set(Assignment.objects.values_list("pk", flat=True))
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=NOW)
    assert set(Assignment.objects.values_list("pk", flat=True)) == before


@pytest.mark.parametrize(
    ("points", "codes"),
    [
        ({"merit": 61, "plan": 30}, {"merit": "answer.too_large"}),
        ({"merit": -1, "plan": 30}, {"merit": "answer.too_small"}),
        ({"merit": 10}, {"plan": "answer.required"}),
        ({"merit": 10, "plan": 10, "style": 1}, {"style": "answer.unknown_field"}),
    ],
)
def test_points_are_those_of_the_rubric(points: dict[str, int], codes: dict[str, str]) -> None:
    small.reviewing()
    one = Assignment.objects.earliest("pk")
    with pytest.raises(reviews.PointsInvalid) as refused:
        reviews.submit_review(assignment=one, points=points, comment="", by=one.reviewer, now=NOW)
    assert {name: why.code for name, why in refused.value.problems.items()} == codes


def test_a_review_is_replaced_and_not_doubled_and_ends_with_the_ranking() -> None:
    world = small.reviewing()
    one = Assignment.objects.earliest("pk")
    for merit in (10, 20):
        reviews.submit_review(
            assignment=one, points={"merit": merit, "plan": 5}, comment="", by=one.reviewer, now=NOW
        )
    assert Review.objects.get().points == {"merit": 20, "plan": 5}
    reviews.rank_call(call=world.call, by=STEWARD, now=NOW)
    with pytest.raises(NotAtThisStage):
        reviews.submit_review(
            assignment=one, points=POINTS, comment="", by=one.reviewer, now=DECIDED
        )
