"""Under-used allocations: notice, a grace period, take-back; and the published worked cases."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from dure.engine.checks.reclaim import violations
from dure.engine.reclaim import (
    AllocationState,
    DayUse,
    Leave,
    Notice,
    Notify,
    PullBack,
    ReclaimIntent,
    ReclaimPlan,
    ReclaimSnapshot,
    Withdraw,
    plan,
    removal,
)
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.reclaim import (
    LinearExpiry,
    LowOccupancy,
    ReclaimRule,
    UseAgainstAward,
    UseAgainstPlan,
)
from dure.vocabulary.reasons import CATALOGUE

RULES: TypeAdapter[Any] = TypeAdapter(ReclaimRule)
SAY = {"ko": "규칙", "en": "rule"}
STARTS = datetime(2026, 3, 1, tzinfo=UTC)
ENDS = datetime(2027, 3, 1, tzinfo=UTC)
SERVER_DAY = 8 * 86_400
AWARDED = 4 * SERVER_DAY * 365
DAY = timedelta(days=1)


def rule(**fields: Any) -> Any:
    return RULES.validate_python({"id": "low", "say": SAY, **fields})


LOW: LowOccupancy = rule(
    kind="low_occupancy", window_days=14, below="30%", remove="1/2", notice_days=7
)
MAY: UseAgainstAward = rule(
    id="may",
    kind="use_against_award",
    month_day="05-01",
    bands=[{"at_least": 0, "below": "0.1", "remove": "30%"}],
)
PLAN: UseAgainstPlan = rule(
    id="plan",
    kind="use_against_plan",
    every_months=3,
    bands=[
        {"at_least": "0.2", "below": "0.55", "remove": "1/2"},
        {"at_least": "0.55", "below": "1", "remove": 0},
    ],
)
LINE: LinearExpiry = rule(id="line", kind="linear_expiry", every_months=6)


def days(now: datetime, *used: int | None) -> tuple[DayUse, ...]:
    """Use of the days before `now`, the last one yesterday."""
    first = now.date() - len(used) * DAY
    return tuple(DayUse(day=first + n * DAY, used=value) for n, value in enumerate(used))


def state(**fields: Any) -> AllocationState:
    known = {
        "allocation": "a1",
        "project": "p1",
        "pool": "h200",
        "servers": 4,
        "accelerators_per_server": 8,
        "starts": STARTS,
        "ends": ENDS,
        "awarded": AWARDED,
        "balance": AWARDED,
        "used": 0,
    }
    return AllocationState(**(known | fields))


def decided(now: datetime, one: AllocationState, *rules: Any, zone: str = "UTC") -> Any:
    """The intents for one allocation, from a plan that passes its check."""
    snapshot = ReclaimSnapshot(allocations=(one,), zone=zone)
    made = plan(snapshot, rules, Header(number=1, generation=1, now=now))
    assert violations(snapshot, rules, made) == ()
    for intent in made.intents:
        assert CATALOGUE[intent.reason.code].format(**intent.reason.params)
    return made.intents


def only(now: datetime, one: AllocationState, *rules: Any, zone: str = "UTC") -> Any:
    (intent,) = decided(now, one, *rules, zone=zone)
    return intent


NOW = datetime(2026, 6, 15, 3, tzinfo=UTC)
IDLE = days(NOW, *[SERVER_DAY] * 14)  # one of four servers in use: 25 %


def test_low_occupancy_gives_notice_first_and_says_what_would_go() -> None:
    intent = only(NOW, state(days=IDLE), LOW)
    assert isinstance(intent, Notify)
    assert intent.deadline == NOW + 7 * DAY
    assert intent.would_remove_servers == 2
    assert intent.would_remove == 2 * 8 * int((ENDS - NOW).total_seconds())
    assert intent.reason.params["use"] == "25.0"


def test_while_a_notice_runs_nothing_is_taken() -> None:
    notice = Notice(rule="low", given_at=NOW - 6 * DAY, deadline=NOW + DAY)
    intent = only(NOW, state(days=IDLE, notice=notice), LOW)
    assert isinstance(intent, Leave)
    assert intent.reason.code == "reclaim.notice_running"


EXPIRED = Notice(rule="low", given_at=NOW - 8 * DAY, deadline=NOW - DAY)


def test_after_the_deadline_half_the_servers_go_to_the_waitlist() -> None:
    intent = only(NOW, state(days=IDLE, notice=EXPIRED), LOW)
    assert isinstance(intent, PullBack)
    assert (intent.to_servers, intent.freed_servers) == (2, 2)
    assert intent.removed == 2 * 8 * int((ENDS - NOW).total_seconds())
    assert (intent.freed_to, intent.occasion) == ("waitlist", "2026-06-14")


def test_servers_are_rounded_down_and_capped() -> None:
    three = state(servers=3, days=days(NOW, *[0] * 14), notice=EXPIRED)
    assert only(NOW, three, LOW).freed_servers == 1
    capped = LOW.model_copy(update={"max_removed": LOW.below})
    assert only(NOW, state(days=IDLE, notice=EXPIRED), capped).freed_servers == 1


def test_one_server_cannot_be_halved() -> None:
    one = state(servers=1, days=days(NOW, *[0] * 14))
    assert only(NOW, one, LOW).reason.code == "reclaim.nothing_to_remove"


def test_use_that_recovers_withdraws_the_notice() -> None:
    busy = days(NOW, *[4 * SERVER_DAY] * 14)
    intent = only(NOW, state(days=busy, notice=EXPIRED), LOW)
    assert isinstance(intent, Withdraw)
    assert intent.reason.code == "reclaim.recovered"


def test_use_exactly_at_the_threshold_is_enough() -> None:
    at = int(4 * SERVER_DAY * 0.3)
    assert only(NOW, state(days=days(NOW, *[at] * 14)), LOW).reason.code == "reclaim.enough_use"
    below = days(NOW, *[at] * 13, at - 100)
    assert isinstance(only(NOW, state(days=below), LOW), Notify)


@pytest.mark.parametrize("known", [(), days(NOW, *[0] * 13), days(NOW, *[0] * 6, None, *[0] * 7)])
@pytest.mark.parametrize("notice", [None, EXPIRED])
def test_no_metric_is_never_zero_use(known: tuple[DayUse, ...], notice: Notice | None) -> None:
    intent = only(NOW, state(days=known, notice=notice), LOW)
    assert isinstance(intent, Leave)
    assert intent.reason.code == "reclaim.no_metric"


def test_an_exempt_project_is_left_and_its_notice_withdrawn() -> None:
    left = only(NOW, state(days=IDLE, exempt_rules=("low",)), LOW)
    assert isinstance(left, Leave)
    assert left.reason.code == "reclaim.exempt"
    spared = only(NOW, state(days=IDLE, exempt_rules=("low",), notice=EXPIRED), LOW)
    assert isinstance(spared, Withdraw)


def test_the_first_days_are_free() -> None:
    free = LOW.model_copy(update={"exempt_first_days": 60})
    assert only(STARTS + 59 * DAY, state(), free).reason.code == "reclaim.first_days"
    early = STARTS + 13 * DAY
    one = state(days=days(early, *[0] * 14))
    assert only(early, one, LOW).reason.code == "reclaim.window_not_full"


@pytest.mark.parametrize("now", [STARTS - DAY, ENDS])
def test_an_allocation_that_does_not_run_is_left(now: datetime) -> None:
    assert only(now, state(), LOW).reason.code == "reclaim.not_running"


def test_a_take_back_is_not_executed_twice_and_the_next_window_starts_after_it() -> None:
    done = state(days=IDLE, notice=EXPIRED, pulled_back=("low@2026-06-14",))
    assert only(NOW, done, LOW).reason.code == "reclaim.already_done"
    cleared = state(days=IDLE, pulled_back=("low@2026-06-14",))
    assert only(NOW, cleared, LOW).reason.code == "reclaim.window_not_full"
    later = NOW + 14 * DAY
    again = state(days=days(later, *[0] * 14), pulled_back=("low@2026-06-14",))
    assert isinstance(only(later, again, LOW), Notify)


def test_a_day_is_the_programmes_day() -> None:
    """At 20:00 UTC on 14 June it is the 15th in Seoul: yesterday is the 14th."""
    late = datetime(2026, 6, 14, 20, tzinfo=UTC)
    known = days(NOW, *[0] * 14)
    assert known[-1].day == date(2026, 6, 14)
    assert isinstance(only(late, state(days=known), LOW, zone="Asia/Seoul"), Notify)
    assert only(late, state(days=known), LOW, zone="UTC").reason.code == "reclaim.no_metric"


def test_one_notice_at_a_time() -> None:
    now = datetime(2026, 5, 2, tzinfo=UTC)
    one = state(days=days(now, *[0] * 14))
    first, second = decided(now, one, LOW, MAY)
    assert isinstance(first, Notify)
    assert second.reason.code == "reclaim.other_notice"
    assert second.reason.params == {"other": "low"}


def test_a_notice_of_a_rule_that_is_gone_is_withdrawn() -> None:
    gone, _ = decided(NOW, state(days=IDLE, notice=EXPIRED), MAY)
    assert isinstance(gone, Withdraw)
    assert gone.reason.code == "reclaim.rule_gone"


def test_rules_of_the_site_and_of_reports_yield_nothing_here() -> None:
    idle = rule(id="idle", kind="idle_job", warn_minutes=[60, 105], cancel_minutes=120)
    late = rule(id="late", kind="late_report", submissions_off_days=30, accounts_off_days=90)
    assert decided(NOW, state(), idle, late) == ()


CHECKPOINT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "code"),
    [
        (timedelta(seconds=-1), "reclaim.not_due"),
        (timedelta(0), "reclaim.notice_award"),
        (7 * DAY, "reclaim.notice_award"),
        (8 * DAY, "reclaim.not_due"),
    ],
)
def test_a_dated_rule_gives_notice_at_its_date_and_shortly_after(ago: timedelta, code: str) -> None:
    assert only(CHECKPOINT + ago, state(), MAY).reason.code == code


def test_a_dated_rule_takes_back_for_its_date_long_after_the_notice() -> None:
    notice = Notice(rule="may", given_at=CHECKPOINT + DAY, deadline=CHECKPOINT + 15 * DAY)
    intent = only(CHECKPOINT + 20 * DAY, state(notice=notice), MAY)
    assert isinstance(intent, PullBack)
    assert (intent.occasion, intent.to_servers) == ("2026-05-01", 4)
    assert intent.removed == AWARDED * 3 // 10
    done = state(notice=notice, pulled_back=("may@2026-05-01",))
    assert only(CHECKPOINT + 20 * DAY, done, MAY).reason.code == "reclaim.already_done"


@pytest.mark.parametrize(
    ("month_day", "last"),
    [("04-31", datetime(2026, 4, 30, tzinfo=UTC)), ("02-30", datetime(2027, 2, 28, tzinfo=UTC))],
)
def test_a_day_that_a_month_lacks_is_its_last(month_day: str, last: datetime) -> None:
    odd = MAY.model_copy(update={"month_day": month_day})
    assert isinstance(only(last, state(), odd), Notify)
    assert only(last - DAY, state(), odd).reason.code == "reclaim.not_due"


def test_use_against_plan_needs_a_plan_and_counts_what_was_taken_before() -> None:
    quarter = datetime(2026, 6, 1, tzinfo=UTC)
    assert only(quarter, state(), PLAN).reason.code == "reclaim.no_plan"
    behind = {"used": 300_000, "planned_to_date": 1_000_000}
    fresh = only(quarter, state(balance=AWARDED - 300_000, **behind), PLAN)
    assert fresh.would_remove == 500_000
    before = only(quarter, state(balance=AWARDED - 700_000, **behind), PLAN)
    assert before.would_remove == 100_000
    on_plan = state(used=600_000, balance=AWARDED - 600_000, planned_to_date=1_000_000)
    assert only(quarter, on_plan, PLAN).reason.code == "reclaim.enough_use"


def test_linear_expiry_takes_what_stands_above_the_line_at_its_date() -> None:
    half_year = datetime(2026, 9, 1, tzinfo=UTC)
    notice = Notice(rule="line", given_at=half_year, deadline=half_year + 14 * DAY)
    one = state(used=1_000, balance=AWARDED - 1_000, notice=notice)
    intent = only(half_year + 14 * DAY, one, LINE)
    line = AWARDED * 181 // 365
    assert AWARDED - 1_000 - intent.removed == line + (AWARDED * 181 % 365 > 0)
    under = state(used=AWARDED - line, balance=line, notice=notice)
    assert isinstance(only(half_year + 14 * DAY, under, LINE), Withdraw)


def test_use_that_is_not_charged_yet_is_no_part_of_what_remains() -> None:
    """The ledger still says 100,000, but 6,000 were used: 15 % of the award go, not 21 %."""
    initial = banded("05-01", "initial", [(0.05, 0.3), (0.1, 0.15)])
    remaining = banded("05-01", "remaining", [(0.1, 0.5)])
    amounts = {"awarded": 100_000, "used": 6_000, "balance": 100_000}
    assert removal(initial, **amounts) == 15_000
    assert removal(remaining, **amounts) == 47_000
    half_year = datetime(2026, 9, 1, tzinfo=UTC)
    uncharged = state(used=AWARDED * 6 // 10)
    assert only(half_year, uncharged, LINE).reason.code == "reclaim.enough_use"


def test_the_cap_bounds_what_goes_of_the_award_in_all() -> None:
    capped = MAY.model_copy(update={"max_removed": LOW.below / 2})  # 15 % of the award
    assert only(CHECKPOINT, state(), capped).would_remove == AWARDED * 15 // 100
    before = state(balance=AWARDED * 85 // 100)
    assert only(CHECKPOINT, before, capped).reason.code == "reclaim.nothing_to_remove"


def test_an_allocation_stands_once_in_a_snapshot() -> None:
    with pytest.raises(ValidationError, match="allocation named more than once: a1"):
        ReclaimSnapshot(allocations=(state(), state()), zone="UTC")


def test_a_plan_has_one_json_form() -> None:
    snapshot = ReclaimSnapshot(allocations=(state(days=IDLE),), zone="UTC")
    made = plan(snapshot, (LOW, MAY), Header(number=1, generation=1, now=NOW))
    assert ReclaimPlan.model_validate_json(made.model_dump_json()) == made


GOOD_STATE = state(days=IDLE, notice=EXPIRED)
GOOD: PullBack = only(NOW, GOOD_STATE, LOW)
NOTIFY: Notify = only(NOW, state(days=IDLE), LOW)


@pytest.mark.parametrize(
    ("violation", "intents", "changed"),
    [
        ("undecided", (), {}),
        ("once", (GOOD, GOOD), {}),
        ("one_act", (GOOD, GOOD), {}),
        ("unknown", (GOOD, GOOD.model_copy(update={"rule": "other"})), {}),
        ("no_expired_notice", (GOOD,), {"notice": None}),
        (
            "no_expired_notice",
            (GOOD,),
            {"notice": EXPIRED.model_copy(update={"deadline": NOW + DAY})},
        ),
        ("no_metric", (GOOD,), {"days": IDLE[1:]}),
        ("unfounded", (GOOD,), {"days": days(NOW, *[2 * SERVER_DAY] * 14)}),
        ("exempt", (GOOD,), {"exempt_rules": ("low",)}),
        ("time", (GOOD,), {"ends": NOW}),
        ("twice", (GOOD,), {"pulled_back": ("low@2026-06-14",)}),
        ("servers", (GOOD.model_copy(update={"to_servers": 3}),), {}),
        ("cap", (GOOD.model_copy(update={"to_servers": 1, "freed_servers": 3}),), {}),
        ("balance", (GOOD,), {"balance": 5}),
        ("freed_to", (GOOD.model_copy(update={"freed_to": "reserve"}),), {}),
        ("deadline", (NOTIFY.model_copy(update={"deadline": NOW}),), {"notice": None}),
        ("second_notice", (NOTIFY,), {}),
    ],
)
def test_the_check_finds_each_broken_plan(
    violation: str, intents: tuple[ReclaimIntent, ...], changed: dict[str, Any]
) -> None:
    snapshot = ReclaimSnapshot(allocations=(GOOD_STATE.model_copy(update=changed),), zone="UTC")
    made = ReclaimPlan(header=Header(number=1, generation=1, now=NOW), intents=intents)
    assert f"reclaim.{violation}" in [v.rule for v in violations(snapshot, (LOW,), made)]


def test_the_check_finds_a_withdrawal_of_no_notice_and_a_cap_on_the_award_passed() -> None:
    header = Header(number=1, generation=1, now=CHECKPOINT)
    withdraw = Withdraw(allocation="a1", rule="may", reason=GOOD.reason)
    snapshot = ReclaimSnapshot(allocations=(state(),), zone="UTC")
    made = ReclaimPlan(header=header, intents=(withdraw,))
    assert [v.rule for v in violations(snapshot, (MAY,), made)] == ["reclaim.withdraw"]
    notify: Notify = only(CHECKPOINT, state(), MAY)
    capped = MAY.model_copy(update={"max_removed": LOW.below / 2})
    over = ReclaimPlan(header=header, intents=(notify,))
    assert [v.rule for v in violations(snapshot, (capped,), over)] == ["reclaim.cap"]


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    """The rules and worked cases that real programmes published."""
    path = Path(__file__).parents[2] / "published" / "pullback_rules.json"
    rules: dict[str, Any] = json.loads(path.read_text())
    return rules


def banded(month_day: str, base: str, bands: list[tuple[float, float]]) -> UseAgainstAward:
    """Published as `used < limit removes share`, the strictest limit first to hold."""
    edges, lower = [], 0.0
    for limit, share in sorted(bands):
        edges.append({"at_least": lower, "below": limit, "remove": share})
        lower = limit
    made: UseAgainstAward = rule(
        kind="use_against_award", month_day=month_day, base=base, bands=edges
    )
    return made


def test_the_worked_case_of_olcf(published: dict[str, Any]) -> None:
    bands = [
        (r["used_lt"], r["remove_of_remaining"])
        for r in published["OLCF_INCITE"]["rules"]
        if r["date"] == "05-01"
    ]
    (case,) = published["OLCF_INCITE"]["worked"]
    award, used = case["allocation"], case["used"]
    removed = removal(
        banded("05-01", "remaining", bands), awarded=award, used=used, balance=award - used
    )
    assert removed == case["removed"] == 285_000


@pytest.mark.parametrize(
    ("name", "per_quarter"),
    [("zero_usage", 0), ("6000_per_quarter", 6_000), ("9000_per_quarter", 9_000)],
)
def test_the_nine_worked_balances_of_nrel(
    published: dict[str, Any], name: str, per_quarter: int
) -> None:
    """Each date's share of the award is a target for all that is taken by then."""
    fy20 = published["NREL_FY2020"]
    left = []
    for quarter, (day, bands) in enumerate(fy20["dates"].items(), start=1):
        used = per_quarter * quarter
        one = banded(day, "initial", bands)
        left.append(
            100_000 - used - removal(one, awarded=100_000, used=used, balance=100_000 - used)
        )
    assert left == fy20["worked_remaining_100000"][name]


@pytest.mark.parametrize(
    ("per_quarter", "left"),
    [(0, [70_000, 50_000, 10_000]), (6_000, [79_000, 58_000, 7_000])],
)
def test_executed_one_after_another_the_targets_do_not_compound(
    published: dict[str, Any], per_quarter: int, left: list[int]
) -> None:
    balance, seen = 100_000, []
    for quarter, (day, bands) in enumerate(published["NREL_FY2020"]["dates"].items(), start=1):
        balance -= per_quarter
        used = per_quarter * quarter
        one = banded(day, "initial", bands)
        balance -= removal(one, awarded=100_000, used=used, balance=balance)
        seen.append(balance)
    assert seen == left


def test_a_target_that_falls_takes_nothing_more_and_gives_nothing_back(
    published: dict[str, Any],
) -> None:
    """9,000 a quarter: July's target is 25,000, but 30,000 went in April."""
    july = banded("07-10", "initial", published["NREL_FY2020"]["dates"]["07-10"])
    assert removal(july, awarded=100_000, used=27_000, balance=43_000) == 0


def test_the_bands_of_nrel_against_the_applicants_plan(published: dict[str, Any]) -> None:
    bands = [
        {"at_least": low, "below": high, "remove": share}
        for low, high, share in published["NREL_FY2023"]["bands"]
    ]
    one: UseAgainstPlan = rule(kind="use_against_plan", every_months=3, bands=bands)
    taken = [
        removal(one, awarded=400_000, used=used, balance=400_000 - used, planned_to_date=100_000)
        for used in (0, 19_999, 20_000, 40_000, 55_000, 70_000)
    ]
    assert taken == [80_000, 80_000, 55_000, 35_000, 20_000, 0]


def test_the_rule_of_nersc_takes_of_what_is_unused(published: dict[str, Any]) -> None:
    first, second = published["NERSC_AY2021"]["rules"]
    bands = [
        (first["used_le"], first["remove_of_unused"]),
        (second["used_le"], second["remove_of_unused"]),
    ]
    one = banded("07-01", "unused", bands)
    assert removal(one, awarded=1_000_000, used=40_000, balance=960_000) == 192_000
    assert removal(one, awarded=1_000_000, used=60_000, balance=940_000) == 94_000
