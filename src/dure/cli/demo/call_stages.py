"""From an empty database to an approved round."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from django.core.management import call_command
from django.db import transaction

from dure.cli.demo import world as demo_world
from dure.cli.demo.context import Context, at
from dure.cli.demo.programme import REHEARSAL, ROUND, demo_programme
from dure.engine.scoring import ScoringPlan
from dure.hub import clock, programmes
from dure.hub.allocations import operations as allocations
from dure.hub.allocations import scenarios
from dure.hub.allocations.models import Decision
from dure.hub.calls import operations as calls
from dure.hub.calls.models import Application, Call
from dure.hub.people import operations as people
from dure.hub.people.gate import Steward
from dure.hub.people.models import Organisation, Role, User
from dure.hub.reviews import operations as reviews
from dure.hub.reviews import ranking_queries
from dure.hub.reviews.facts import with_ties
from dure.hub.reviews.models import Assignment
from dure.hub.supply.queries import rules
from dure.vocabulary.frozen import Text
from dure.vocabulary.scenario import Change

SETUP = Steward(username="demo-setup")
LESSOR = "sk-telecom"
BATCH = 50
"""Submissions in one transaction: fewer waits for the disk, the same operations."""


def set_up(context: Context) -> None:
    """A fresh database with the programme and its people."""
    now = at(5, 2, year=2025)
    clock.rehearse(now)
    with context.stage("Set up: database, programme, people", 3) as done:
        call_command("migrate", verbosity=0, interactive=False)
        done()
        programmes.load(programme=demo_programme(engine=context.engine.name), by=SETUP, now=now)
        done()
        with transaction.atomic():
            _people(context)


def _people(context: Context) -> None:
    now = clock.now()
    organisations = {
        o.name: people.add_organisation(
            name=o.name,
            sector=o.sector,
            region=o.region,
            registration_number=o.registration_number,
            young_company=o.young_company,
            by=SETUP,
            now=now,
        )
        for o in context.world.organisations
    }
    for applicant in context.world.applicants:
        people.add_user(
            username=applicant.username,
            role=Role.APPLICANT,
            organisation=organisations[applicant.organisation.name],
            display_name=str(applicant.answers["lead_name"]),
            by=SETUP,
            now=now,
        )
    for reviewer in context.world.reviewers:
        people.add_user(
            username=reviewer.username,
            role=Role.REVIEWER,
            organisation=organisations[reviewer.organisation],
            fields_of_expertise=reviewer.fields,
            by=SETUP,
            now=now,
        )
    _accounts(context, next(iter(organisations.values())))


def _accounts(context: Context, applicant_home: Organisation) -> None:
    """One account a role that a person can sign in with."""
    now = clock.now()
    provider = people.add_organisation(
        name="네이버클라우드",
        sector="industry",
        region="capital",
        registration_number="placeholder-naver-cloud",
        by=SETUP,
        now=now,
    )
    lessor = people.add_organisation(
        name="SK텔레콤",
        sector="industry",
        region="capital",
        registration_number=f"placeholder-{LESSOR}",
        by=SETUP,
        now=now,
    )
    homes = {Role.APPLICANT: applicant_home, Role.PROVIDER: provider}
    for role in Role:
        people.add_user(
            username=role.value,
            role=role,
            organisation=homes.get(role),
            password=context.password,
            display_name=f"시연 {role.label}",
            fields_of_expertise=("language", "vision") if role == Role.REVIEWER else (),
            by=SETUP,
            now=now,
        )
        context.seen.accounts[role.value] = role.value
    people.add_user(username="lessor", role=Role.APPLICANT, organisation=lessor, by=SETUP, now=now)


def take_applications(context: Context) -> None:
    """The call opens; 514 organisations' people draft and submit; one lessor is told why not."""
    operator = context.operator
    opening = at(12, 22, year=2025)
    clock.rehearse(opening)
    call, rehearsal = Call.objects.get(key=ROUND), Call.objects.get(key=REHEARSAL)
    for one in (call, rehearsal):
        calls.open_call(call=one, by=operator, now=opening)
    users = {u.username: u for u in User.objects.select_related("organisation")}
    applicants = context.world.applicants
    with context.stage("Applications submitted", len(applicants)) as done:
        for first in range(0, len(applicants), BATCH):
            with transaction.atomic():
                for index, applicant in enumerate(applicants[first : first + BATCH], start=first):
                    now = opening + timedelta(minutes=100 * index)
                    _submit(call, users[applicant.username], applicant.answers, now)
                    done()
    context.seen.refused_lessor = _try_as_lessor(call, users["lessor"], applicants[0])
    _submit(rehearsal, users["applicant"], _rehearsal_answers(applicants[0]), opening)
    _submit(rehearsal, users["applicant-001"], _rehearsal_answers(applicants[0]), opening)
    closing = at(1, 29)
    clock.rehearse(closing)
    for one in (call, rehearsal):
        calls.close_call(call=one, by=operator, now=closing)


def _submit(call: Call, by: User, answers: dict[str, object], now: datetime) -> Application:
    application = calls.start_application(call=call, by=by, now=now)
    calls.save_draft(application=application, answers=answers, by=by, now=now)
    return calls.submit_application(application=application, by=by, now=now)


def _try_as_lessor(call: Call, by: User, like: demo_world.Applicant) -> str:
    """A firm that leases accelerators to the programme is refused at submission, in words."""
    try:
        with transaction.atomic():
            _submit(call, by, like.answers, call.opens_at)
    except calls.UnableToSubmit as error:
        return error.problems[0].say.en
    return ""


def _rehearsal_answers(like: demo_world.Applicant) -> dict[str, object]:
    return {
        **like.answers,
        "title": "이 컴퓨터에서의 분산 학습 시연",
        "model": "either",
        "servers": 1,
    }


def review_applications(context: Context) -> None:
    """Screening, reviewers without conflict of interest, their scores, the ranking."""
    operator = context.operator
    by_applicant = {a.username: a for a in context.world.applicants}
    by_reviewer = {r.username: r for r in context.world.reviewers}
    both = list(Call.objects.filter(key__in=(ROUND, REHEARSAL)).order_by("key"))
    clock.rehearse(at(1, 30))
    with context.stage("Screened, reviewers assigned", len(both)) as done:
        for call in both:
            calls.screen_call(call=call, by=operator, now=clock.now())
            reviews.assign_reviewers(call=call, by=operator, now=clock.now())
            done()
    clock.rehearse(at(2, 13))
    waiting = list(
        Assignment.objects.filter(stage__call__in=both).select_related(
            "application__applicant", "application__call"
        )
    )
    people = {user.pk: user for user in with_ties(User.objects.all())}
    criteria = {c.id: c.points for c in rules(context.programme).rubric.criteria}
    with context.stage("Reviews written", len(waiting)) as done:
        for first in range(0, len(waiting), BATCH):
            with transaction.atomic():
                for one in waiting[first : first + BATCH]:
                    applicant = by_applicant.get(one.application.applicant.username)
                    user = people[one.reviewer_id]
                    reviewer = by_reviewer.get(user.username)
                    reviews.submit_review(
                        assignment=one,
                        points=demo_world.points(
                            applicant=applicant or context.world.applicants[0],
                            reviewer=reviewer or context.world.reviewers[0],
                            criteria=criteria,
                        ),
                        comment="",
                        by=user,
                        now=clock.now(),
                    )
                    done()
    clock.rehearse(at(2, 27))
    for call in both:
        ranking = reviews.rank_call(call=call, by=operator, now=clock.now())
        if call.key == ROUND:
            ranked = ScoringPlan.model_validate(ranking.plan).intents
            context.seen.moved_by_correction = sum(bool(one.shift) for one in ranked)


def decide_rounds(context: Context) -> None:
    """Solve, check, approve: the awards are offered, the others wait."""
    operator = context.operator
    clock.rehearse(at(3, 3))
    with context.stage("Round solved, checked and approved", 3) as done:
        for key in (ROUND, REHEARSAL):
            decision = allocations.solve_round(
                call=Call.objects.get(key=key), by=operator, now=clock.now()
            )
            if key == ROUND:
                context.seen.what_if += [_what_if(decision, change, operator) for change in ASKED]
            decided = allocations.approve_decision(decision=decision, by=operator, now=clock.now())
            if key == ROUND:
                context.seen.round = decided
            done()
        context.seen.told += [
            _what_depends(context.seen.round, operator),
            *map(_said_of, context.seen.what_if),
        ]


ASKED: Final = (
    Change(name="점수 합계 우선 (most score)", policy="score-weighted"),
    Change(
        name="10점 구간 안에서 추첨 (lots)",
        policy="lottery",
        lottery_bands=(Fraction(80), Fraction(70), Fraction(60), Fraction(50)),
    ),
)
"""What is asked beside the approved plan: other rules for the same round."""


def _what_depends(decided: Decision | None, by: User) -> Text:
    """Whose outcome hangs on the correction, on one reviewer, on one point.

    With as many served as the round serves; making its plan again each time would take longer.
    """
    seen = ranking_queries.ranking_of(key=ROUND, by=by)
    if seen is None or decided is None:
        raise LookupError(f"call {ROUND} has no ranking, or no round")
    places = decided.outcomes.filter(servers__gt=0).count()
    found = ranking_queries.sensitivity_of(seen=seen, by=by, places=places)
    count, point, panel = found.on_correction, found.on_points, found.on_reviewers
    return Text(
        ko=f"순위 상위 {found.places}건을 지원할 때, 결과가 점수 보정에 달린 신청 {count}건, "
        f"평가위원 한 명에게 달린 신청 {panel}건, 단 1점에 달린 신청 {point}건",
        en=f"With the first {found.places} by rank served, the outcome depends for {count} on the "
        f"correction of scores, for {panel} on one reviewer, for {point} on a single point",
    )


def _said_of(asked: tuple[str, int, int]) -> Text:
    name, won, lost = asked
    return Text(
        ko=f"다른 규칙이었다면, {name}: 새로 선정 {won}건, 제외 {lost}건 (승인된 계획은 그대로)",
        en=f"Under other rules, {name}: {won} others served, {lost} no longer; the approved plan "
        "stays",
    )


def _what_if(decision: Decision, change: Change, by: User) -> tuple[str, int, int]:
    """The same round under another rule: its name, who would be served, who would not."""
    scenario = scenarios.add_scenario(decision=decision, change=change, by=by, now=clock.now())
    kinds = [difference["change"] for difference in scenario.differences]
    return scenario.name, kinds.count("won"), kinds.count("lost")
