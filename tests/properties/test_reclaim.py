"""Whatever the use, the rules and the notices, no take-back goes past its safeguards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from dure.engine.checks.reclaim import violations
from dure.engine.reclaim import (
    AllocationState,
    DayUse,
    Notice,
    Notify,
    PullBack,
    ReclaimPlan,
    ReclaimSnapshot,
    plan,
)
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.reclaim import ReclaimRule

RULES: TypeAdapter[Any] = TypeAdapter(ReclaimRule)
STARTS = datetime(2026, 1, 20, 5, 30, tzinfo=UTC)
ENDS = STARTS + timedelta(days=300)
SERVER_DAY = 8 * 86_400
ZONES = ("UTC", "Asia/Seoul", "America/New_York")
# Weighted towards what makes rules fire: a property that never sees a take-back proves nothing.
PORTIONS = st.sampled_from(["1/2", "1", "0.3", "1/7", "1", "1/2", "0"])
BANDS = [
    {"at_least": 0, "below": "0.1", "remove": "3/4"},
    {"at_least": "0.1", "below": "0.5", "remove": "1/3"},
    {"at_least": "0.5", "below": "0.8", "remove": 0},
]


@st.composite
def rules(draw: st.DrawFn) -> tuple[ReclaimRule, ...]:
    kinds: list[dict[str, Any]] = [
        {
            "kind": "low_occupancy",
            "window_days": draw(st.integers(1, 4)),
            "below": draw(PORTIONS),
            "remove": draw(PORTIONS),
        },
        {
            "kind": "use_against_award",
            "month_day": draw(st.sampled_from(["02-10", "02-28", "04-31", "07-01"])),
            "base": draw(st.sampled_from(["remaining", "unused", "initial"])),
            "bands": BANDS,
        },
        {"kind": "use_against_plan", "every_months": draw(st.integers(1, 4)), "bands": BANDS},
        {"kind": "linear_expiry", "every_months": draw(st.integers(1, 4))},
        {"kind": "idle_job", "warn_minutes": [60], "cancel_minutes": 120},
    ]
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=2, max_size=3))
    return tuple(
        RULES.validate_python(
            {
                "id": f"r{number}",
                "say": {"ko": "규칙", "en": "rule"},
                "notice_days": draw(st.integers(0, 14)),
                "exempt_first_days": draw(st.sampled_from([0, 0, 0, 30])),
                "max_removed": draw(PORTIONS),
                "freed_to": draw(st.sampled_from(["waitlist", "reserve"])),
                **kind,
            }
        )
        for number, kind in enumerate(chosen)
    )


RULE_IDS = st.sampled_from(["r0", "r1", "r0", "r1", "r2", "r0", "gone"])
INSTANTS = st.one_of(
    st.sampled_from(
        [datetime(2026, month, day, 6, tzinfo=UTC) for month in range(3, 9) for day in (1, 11, 21)]
    ),
    st.integers(-20, 310).map(lambda day: STARTS + timedelta(days=day, seconds=day)),
)


@st.composite
def states(draw: st.DrawFn, now: datetime, number: int) -> AllocationState:
    servers = draw(st.sampled_from([4, 5, 3, 2, 1, 0]))
    awarded = draw(st.sampled_from([1200, 900, 301, 7, 0])) * SERVER_DAY
    used = draw(st.sampled_from([0, 3, 12, 20, 45, 60, 100])) * awarded // 100
    taken = draw(st.integers(0, 3)) * (awarded - used) // 4
    notice = None
    if draw(st.sampled_from([True, True, False])):
        deadline = now + timedelta(days=draw(st.sampled_from([-9, -2, 0, 3])))
        given_at = deadline - timedelta(days=draw(st.integers(0, 14)))
        notice = Notice(rule=draw(RULE_IDS), given_at=given_at, deadline=deadline)
    metric = st.sampled_from([0, SERVER_DAY // 9, servers * SERVER_DAY])
    no_metric_ago = draw(st.sampled_from([9, 9, 9, 2]))
    return AllocationState(
        allocation=f"a{number}",
        project="p",
        pool="h",
        servers=servers,
        accelerators_per_server=8,
        starts=STARTS,
        ends=ENDS,
        awarded=awarded,
        balance=awarded - used - taken,
        used=draw(st.sampled_from([used, used, used, used, None])),
        planned_to_date=draw(st.sampled_from([None, awarded // 2, awarded // 2, awarded])),
        days=tuple(
            DayUse(
                day=now.date() - timedelta(days=ago),
                used=None if ago == no_metric_ago else draw(metric),
            )
            for ago in range(-1, 6)
        ),
        notice=notice,
        exempt_rules=draw(st.sampled_from([(), (), (), (), ("r0",)])),
        pulled_back=tuple(f"r0@{now.date() - timedelta(days=d)}" for d in draw(_AGO)),
    )


_AGO = st.sampled_from([(), (), (), (2,), (9, 20)])


@st.composite
def cases(
    draw: st.DrawFn,
) -> tuple[ReclaimSnapshot, tuple[ReclaimRule, ...], Header]:
    now = draw(INSTANTS)
    snapshot = ReclaimSnapshot(
        allocations=tuple(draw(states(now, number)) for number in range(draw(st.integers(1, 2)))),
        zone=draw(st.sampled_from(ZONES)),
    )
    return snapshot, draw(rules()), Header(number=1, generation=1, now=now)


Case = tuple[ReclaimSnapshot, tuple[ReclaimRule, ...], Header]


def acts(made: ReclaimPlan) -> list[Notify | PullBack]:
    return [intent for intent in made.intents if isinstance(intent, Notify | PullBack)]


@settings(max_examples=250, deadline=None)
@given(cases())
def test_every_plan_passes_the_check(case: Case) -> None:
    snapshot, some_rules, header = case
    assert violations(snapshot, some_rules, plan(snapshot, some_rules, header)) == ()


@settings(max_examples=100, deadline=None)
@given(cases())
def test_nothing_fires_without_a_metric(case: Case) -> None:
    snapshot, some_rules, header = case
    blind = tuple(
        state.model_copy(update={"used": None, "days": ()}) for state in snapshot.allocations
    )
    made = plan(snapshot.model_copy(update={"allocations": blind}), some_rules, header)
    assert acts(made) == []


@settings(max_examples=100, deadline=None)
@given(cases())
def test_nothing_is_taken_without_a_notice_whose_deadline_has_passed(case: Case) -> None:
    snapshot, some_rules, header = case
    notices = {state.allocation: state.notice for state in snapshot.allocations}
    for act in acts(plan(snapshot, some_rules, header)):
        if isinstance(act, PullBack):
            notice = notices[act.allocation]
            assert notice is not None
            assert notice.rule == act.rule
            assert notice.deadline <= header.now


@settings(max_examples=100, deadline=None)
@given(cases())
def test_what_is_executed_is_not_planned_again(case: Case) -> None:
    """Even if the notice still stands in the next step's snapshot."""
    snapshot, some_rules, header = case
    done = {
        act.allocation: act
        for act in acts(plan(snapshot, some_rules, header))
        if isinstance(act, PullBack)
    }
    after = tuple(
        state
        if (act := done.get(state.allocation)) is None
        else state.model_copy(
            update={
                "servers": act.to_servers,
                "balance": state.balance - act.removed,
                "pulled_back": (*state.pulled_back, f"{act.rule}@{act.occasion}"),
            }
        )
        for state in snapshot.allocations
    )
    again = plan(snapshot.model_copy(update={"allocations": after}), some_rules, header)
    assert not [act for act in acts(again) if isinstance(act, PullBack)]


@settings(max_examples=100, deadline=None)
@given(cases())
def test_the_balance_never_goes_below_zero_nor_the_servers(case: Case) -> None:
    snapshot, some_rules, header = case
    before = {state.allocation: state for state in snapshot.allocations}
    for act in acts(plan(snapshot, some_rules, header)):
        if isinstance(act, PullBack):
            assert 0 <= act.removed <= before[act.allocation].balance
            assert 0 <= act.to_servers <= before[act.allocation].servers
