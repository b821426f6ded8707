"""Rounds in the twin: who applies when, what a round gives, and what it leaves to the waitlist."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.unit.twin import tiny

from dure.backends.contract import ChangeRefused
from dure.engine import allocation
from dure.engine.checks import allocation as check
from dure.twin import metrics, run, setting, work
from dure.twin.applicants import applicants
from dure.twin.control import PlanRefused
from dure.twin.project import MONTH_S
from dure.twin.scenario import Rounds, SitePool

POOLS = (SitePool(id="a", nodes=30), SitePool(id="b", nodes=10))
ROUNDS = {"applications": 6, "servers": {1: 3, 2: 1}, "months": {1: 1, 2: 1}}
ONLY = {"allocations": {"rounds": ROUNDS}, "days": 95}


def played(policy: str, *, seed: int = 1, **changed: Any) -> run.Play:
    asked = tiny.scenario(**(ONLY | changed))
    place = tiny.set_(asked, seed=seed)
    jobs = work.work_of(place, asked.demand, seed=seed)
    return run.play(asked, place, jobs, policy=policy, seed=seed)


def did(play: run.Play, *what: str) -> list[tuple[int, str, int]]:
    events = play.register.events
    return [(e.at_s // tiny.DAY_S, e.project, e.servers) for e in events if e.what in what]


def held_most(play: run.Play) -> int:
    """The most servers promised at once, counted from the events alone."""
    held: dict[str, int] = {}
    most = 0
    for event in play.register.events:
        if event.what in ("award", "promote"):
            held[event.project] = event.servers
        elif event.what in ("pull_back", "expire"):
            held[event.project] -= event.servers
        most = max(most, sum(held.values()))
    return most


def test_so_many_apply_for_each_round_and_others_with_another_seed() -> None:
    rounds = Rounds(every_months=2, applications=5)
    one, again, other = (list(applicants(rounds, POOLS, days=130, seed=s)) for s in (1, 1, 2))
    assert [p.applies_s for p in one] == [n * 2 * MONTH_S for n in (0, 1, 2) for _ in range(5)]
    assert one == again != other
    assert len({p.key for p in one}) == 15


def test_nobody_asks_for_more_than_the_pool_has_and_larger_pools_are_asked_more() -> None:
    rounds = Rounds(applications=400, servers={64: 1}, reducible="1/2")
    found = list(applicants(rounds, POOLS, days=30, seed=1))
    assert {(p.pool, p.asked) for p in found} == {(0, 30), (1, 10)}
    assert 240 < sum(p.pool == 0 for p in found) < 360
    assert 140 < sum(p.minimum < p.asked for p in found) < 260


def test_an_applicant_works_for_its_term_from_the_day_it_applies() -> None:
    asked = tiny.scenario(**ONLY)
    place = tiny.set_(asked)
    jobs = work.work_of(place, asked.demand, seed=1)
    for index, project in enumerate(place.projects):
        own = jobs.submit_s[jobs.project == index]
        begin, end = project.works(95)
        assert len(own)
        assert begin <= own.min() <= own.max() < end <= 95 * tiny.DAY_S


@pytest.mark.parametrize("policy", ["islands", "pool"])
def test_policies_without_a_waitlist_give_at_rounds_alone(policy: str) -> None:
    play = played(policy)
    assert not did(play, "promote")
    awards = did(play, "award")
    assert {day for day, *_ in awards} == {0, 30, 60, 90}
    assert held_most(play) == 4


def test_the_waitlist_gives_between_rounds_what_falls_free() -> None:
    halves = ROUNDS | {"servers": {2: 1}, "reducible": 1}
    demand = {"synthetic": {"load": "1/20"}}
    play = played("stewarded", demand=demand, allocations={"rounds": halves})
    days = {day for day, *_ in did(play, "promote")}
    assert days - {0, 30, 60, 90}
    assert held_most(play) <= 4


def test_the_best_scores_are_served_and_the_others_wait_in_their_order() -> None:
    play = played("islands", days=1)
    served = [s for s in play.register.standings if s.servers]
    waiting = play.register.waiting()
    assert served
    assert len(served) + len(waiting) == 6
    scores = [one.project.score for one in waiting]
    assert scores == sorted(scores, reverse=True)
    left = 4 - sum(one.servers for one in served)
    assert all(one.project.minimum > left for one in waiting)


def test_who_got_nothing_for_too_long_gives_up() -> None:
    play = played("islands", allocations={"rounds": ROUNDS | {"keeps_months": 1}})
    gave_up = [name for _day, name, _n in did(play, "give_up")]
    assert gave_up
    assert all(name < f"r{day // 30:03d}" for day, name, _n in did(play, "give_up"))
    assert not set(gave_up) & {name for _day, name, _n in did(play, "award")}


def test_who_waits_from_the_beginning_can_be_served_by_rounds_without_applicants() -> None:
    waiting = [{"project": "next", "pool": "a", "servers": 3, "months": 1}]
    play = played("islands", allocations={"waiting": waiting, "rounds": {"applications": 0}})
    assert did(play, "award") == [(0, "next", 3)]


def test_an_award_may_start_in_a_later_month() -> None:
    full = [{"project": "first", "pool": "a", "servers": 4, "until_day": 60}]
    waiting = [{"project": "next", "pool": "a", "servers": 3, "months": 1}]
    given = {"given": full, "waiting": waiting}
    rounds = {"applications": 0, "start_within_months": 2}
    play = played("islands", allocations=given | {"rounds": rounds})
    assert did(play, "award") == [(0, "next", 3)]
    (standing,) = (s for s in play.register.standings if s.project.key == "next")
    assert standing.until_s == 3 * MONTH_S


def test_a_plan_that_the_check_refuses_stops_the_play(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(snapshot: Any, policy: Any, header: Any, **_how: Any) -> allocation.RoundPlan:
        outcomes = tuple(
            allocation.Outcome(
                application=r.application, outcome="awarded", pool="a", servers=4, place=r.rank,
                months=r.months, reason={"code": "round.awarded"},
            )
            for r in snapshot.requests
        )  # fmt: skip
        return allocation.RoundPlan(
            header=header, intents=outcomes, objective=0, bound=0, optimal=True
        )

    monkeypatch.setattr(allocation, "plan", too_much)
    with pytest.raises(PlanRefused, match="the round plan was refused"):
        played("islands")
    monkeypatch.setattr(check, "violations", lambda *_facts: ())
    with pytest.raises(ChangeRefused, match="promised to others"):
        played("islands")


def test_the_whole_search_serves_no_less_than_serving_by_place() -> None:
    quick, proven = (
        played("islands", days=1, allocations={"rounds": ROUNDS | {"effort": effort}})
        for effort in ("by_place", "proven")
    )
    assert sum(n for *_, n in did(proven, "award")) >= sum(n for *_, n in did(quick, "award")) > 0


def test_the_same_seed_gives_the_same_rounds_and_every_policy_meets_the_same_applicants() -> None:
    one, again, pool = played("stewarded"), played("stewarded"), played("pool")
    assert one.register.events == again.register.events
    assert metrics.measure(one) == metrics.measure(again)
    assert one.setting.projects == pool.setting.projects
    assert np.array_equal(one.work.submit_s, pool.work.submit_s)


def test_a_trace_has_no_jobs_for_applicants() -> None:
    with pytest.raises(ValueError, match="a trace has no jobs for who applies later"):
        tiny.scenario(**ONLY, demand={"trace": {"file": "x.csv"}})


def test_allocations_need_a_source() -> None:
    with pytest.raises(ValueError, match="write one of 'equal_shares', 'given' and 'round'"):
        tiny.scenario(allocations={})
    with pytest.raises(ValueError, match="need somebody who waits"):
        tiny.scenario(allocations={"rounds": {"applications": 0}})


def test_a_project_named_twice_is_refused() -> None:
    given = [{"project": "r000.a001", "pool": "a", "servers": 1}]
    with pytest.raises(setting.UnableToSet, match=r"r000\.a001"):
        tiny.set_(tiny.scenario(allocations={"given": given, "rounds": ROUNDS}))
