"""Traces come back as they were written; what is drawn is like what it was fitted to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.twin.workload import (
    B200_LEMONS,
    LLAMA3_PER_NODE_DAY,
    Fitted,
    Kind,
    Lemons,
    Outcome,
    Repair,
    Trace,
    UnableToFit,
    UnableToGenerate,
    UnusableRate,
    failures,
    fit,
    generate,
    read,
    same,
    shifted_copies,
    trace_of,
    write,
)
from dure.twin.workload.fitting import DAY_S, HOUR_S, WEEK_H, first_hour
from dure.twin.workload.trace import Ints, named

SLOW: Final = settings(max_examples=30)
NAMES: Final = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\x85\u2028\u2029"),
    max_size=5,
)


def ints(count: int, least: int, most: int) -> st.SearchStrategy[Ints]:
    return st.lists(st.integers(least, most), min_size=count, max_size=count).map(
        lambda values: np.array(values, np.int64)
    )


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    count = draw(st.integers(1, 8))
    tables: dict[str, Any] = {
        name + "s": draw(st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple))
        for name in ("account", "user", "model")
    }
    places: dict[str, Any] = {
        name[:-1]: draw(ints(count, 0, len(table) - 1)) for name, table in tables.items()
    }
    return trace_of(
        submit_s=draw(ints(count, 0, 10**8)),
        run_s=draw(ints(count, 1, 10**7)),
        accelerators=draw(ints(count, 1, 10**5)),
        limit_s=draw(ints(count, 0, 10**7)),
        share_milli=draw(ints(count, 1, 1000)),
        nodes=draw(ints(count, 0, 10**5)),
        kind=draw(ints(count, 0, len(Kind) - 1)),
        wait_s=draw(ints(count, -1, 10**7)),
        outcome=draw(ints(count, 0, len(Outcome) - 1)),
        cpu_milli=draw(ints(count, 0, 10**6)),
        memory_mib=draw(ints(count, 0, 10**6)),
        origin=draw(
            st.none() | st.datetimes(min_value=datetime(1990, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone
        ),
        **places,
        **tables,
    )


@SLOW
@given(traces(), st.sampled_from(["csv", "csv.gz", "parquet"]))
def test_a_trace_written_is_read_as_it_was(trace: Trace, ending: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"trace.{ending}"
        write(trace, path)
        loaded = read(path)
    assert same(loaded.trace, trace)
    assert loaded.provenance.rows == loaded.provenance.kept == len(trace)
    assert not loaded.provenance.changed


CELLS: Final = st.one_of(
    st.integers(-5, 10**20).map(str),
    st.floats().map(str),
    st.text("0123456789eE.-+_ x", max_size=6),
)


@SLOW
@given(st.lists(st.lists(CELLS, min_size=2, max_size=5).map(",".join), max_size=8))
def test_every_row_is_kept_or_counted(rows: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trace.csv"
        good = "job_id,submit_s,duration_s,gpus\nsurely,0,1,1\n"
        path.write_text(good + "\n".join(rows), encoding="utf-8")
        trace, said = read(path, tolerate=len(rows))
    assert said.rows == len(rows) + 1
    assert said.rows == said.kept + sum(said.dropped.values()) + sum(said.set_aside.values())
    assert len(said.problems) == sum(said.dropped.values())
    assert len(trace) == said.kept


def typical(*, jobs: int = 60_000, seed: int = 5) -> Trace:
    """Busy by day, four widths with run times of their own, accounts that come and go."""
    rng = np.random.default_rng(seed)
    days = 120
    account = rng.choice(6, jobs, p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05])
    on = np.cumsum(rng.random((6, days)) < 0.15, axis=1) % 3 != 0  # off for one stretch in three
    day = np.array([rng.choice(np.flatnonzero(on[one])) for one in account])
    hour = rng.choice(24, jobs, p=np.repeat([1, 4, 2], 8) / 56)
    width = rng.choice([1, 4, 8, 64], jobs, p=[0.6, 0.2, 0.15, 0.05])
    run = np.maximum(rng.lognormal(np.log(300 * width), 1.2), 1).astype(np.int64)
    return trace_of(
        submit_s=day * DAY_S + hour * HOUR_S + rng.integers(0, HOUR_S, jobs),
        run_s=run,
        accelerators=width,
        limit_s=np.where(rng.random(jobs) < 0.7, run * rng.integers(1, 10, jobs), 0),
        account=account,
        accounts=tuple("abcdef"),
        user=account * 2 + (rng.random(jobs) < 0.25),
        users=tuple("ABCDEFGHIJKL"),
        kind=rng.choice(3, jobs, p=[0.5, 0.2, 0.3]),
        origin=datetime(2026, 3, 2, 7, 30, tzinfo=UTC),
    )


@pytest.fixture(scope="module")
def trace() -> Trace:
    return typical()


@pytest.fixture(scope="module")
def fitted(trace: Trace) -> Fitted:
    return fit(trace)


@pytest.fixture(scope="module")
def drawn(trace: Trace, fitted: Fitted) -> Trace:
    load = trace.demand_as() / (512 * 120 * DAY_S)
    return generate(fitted, accounts=6, days=120, load=load, capacity=512, seed=7)


def shares(values: Ints, most: int) -> np.ndarray[Any, Any]:
    return np.bincount(values, minlength=most + 1) / len(values)


def test_the_demand_drawn_is_the_load_asked_for_within_one_job(trace: Trace, drawn: Trace) -> None:
    assert 0 <= drawn.demand_as() - trace.demand_as() <= (drawn.accelerators * drawn.run_s).max()
    assert len(drawn) == pytest.approx(len(trace), rel=0.05)


def test_widths_and_run_times_are_those_fitted(trace: Trace, drawn: Trace) -> None:
    """Each width's share within 1 %, its mean run time within 8 %, its median within 5 %."""
    assert np.abs(shares(trace.accelerators, 64) - shares(drawn.accelerators, 64)).max() < 0.01
    for width in (1, 4, 8, 64):
        was, now = (one.run_s[one.accelerators == width] for one in (trace, drawn))
        assert now.mean() == pytest.approx(was.mean(), rel=0.08)
        assert np.median(now) == pytest.approx(np.median(was), rel=0.05)


def test_submissions_follow_the_hour_of_the_week(drawn: Trace, fitted: Fitted) -> None:
    """The hours of the day within 5 %, from the hour of the week in which the trace begins."""
    hour = (drawn.submit_s // HOUR_S + first_hour(drawn.origin)) % WEEK_H
    by_day = shares(hour % 24, 23)
    assert by_day == pytest.approx(fitted.week.reshape(7, 24).sum(axis=0), rel=0.05)
    assert drawn.origin == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert first_hour(drawn.origin) == 7


def test_accounts_have_their_shares_and_days_off() -> None:
    """Over many years, as an account's share of a year depends on when it was off."""
    fitted = fit(typical())
    drawn = generate(fitted, accounts=6, days=3000, load=0.5, capacity=512, seed=1)
    assert shares(drawn.account, 5) == pytest.approx(fitted.account_share, abs=0.03)
    days = np.zeros((6, 3000), np.bool_)
    days[drawn.account, drawn.submit_s // DAY_S] = True
    usual = fitted.resumes / (fitted.stops + fitted.resumes)
    assert days.mean(axis=1) == pytest.approx(usual, abs=0.06)


def test_limits_users_and_kinds_are_those_fitted(trace: Trace, drawn: Trace) -> None:
    known, given_ = trace.limit_s > 0, drawn.limit_s > 0
    assert given_.mean() == pytest.approx(known.mean(), abs=0.01)
    was, now = (
        np.median(t.limit_s[t.limit_s > 0] / t.run_s[t.limit_s > 0]) for t in (trace, drawn)
    )
    assert now == pytest.approx(was, rel=0.05)
    assert (drawn.limit_s[given_] >= drawn.run_s[given_]).all()
    assert shares(drawn.kind, 2) == pytest.approx(shares(trace.kind, 2), abs=0.01)
    assert (drawn.user // 2 == drawn.account).all()
    assert (drawn.user % 2).mean() == pytest.approx(0.25, abs=0.02)


def test_the_same_seed_draws_the_same_and_another_does_not(fitted: Fitted) -> None:
    def of(seed: int) -> Trace:
        return generate(fitted, accounts=9, days=20, load=0.9, capacity=64, seed=seed)

    assert same(of(1), of(1))
    assert not same(of(1), of(2))


def test_named_accounts_have_the_shares_said_and_widths_fit_the_capacity(fitted: Fitted) -> None:
    always = replace(fitted, stops=np.zeros(6))
    drawn = generate(always, accounts={"geum": 3, "han": 1}, days=30, load=1.0, capacity=32, seed=1)
    assert (named(drawn, "account") == "geum").mean() == pytest.approx(0.75, abs=0.01)
    assert drawn.accelerators.max() == 8
    assert drawn.span_s() <= 30 * DAY_S


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"days": 0}, "more than 0"),
        ({"capacity": 0}, "more than 0"),
        ({"load": 1e9}, "make days, load or capacity less"),
        ({"accounts": 0}, "at least one account"),
        ({"accounts": {"a": -1.0}}, "shares of accounts"),
    ],
)
def test_what_cannot_be_drawn_is_refused(fitted: Fitted, asked: dict[str, Any], why: str) -> None:
    usual: dict[str, Any] = {"accounts": 2, "days": 2, "load": 1.0, "capacity": 64, "seed": 0}
    with pytest.raises(UnableToGenerate, match=why):
        generate(fitted, **usual | asked)


def test_jobs_wider_than_the_capacity_alone_cannot_be_drawn(trace: Trace) -> None:
    wide = fit(trace.take(trace.accelerators == 64))
    with pytest.raises(UnableToGenerate, match="every job is wider"):
        generate(wide, accounts=1, days=1, load=1, capacity=63, seed=0)
    with pytest.raises(UnableToFit):
        fit(trace.take(trace.accelerators == 3))


@SLOW
@given(traces(), st.integers(1, 5))
def test_copies_over_the_whole_span_have_every_job_once_each(trace: Trace, count: int) -> None:
    days = trace.span_s() // DAY_S + 1
    copies = shifted_copies(trace, count=count, days=days)
    assert len(copies) == count * len(trace)
    assert copies.demand_as() == count * trace.demand_as()
    assert len(set(copies.job_id.tolist())) == len(set(trace.job_id.tolist())) * count
    first = copies.take(np.char.startswith(copies.job_id, "1/"))
    assert np.array_equal(first.submit_s, trace.submit_s)


def test_copies_are_turned_by_the_shift_and_cut(trace: Trace) -> None:
    copies = shifted_copies(trace, count=3, days=14, shift_s=DAY_S)
    assert copies.span_s() <= 14 * DAY_S
    assert copies.accounts[:2] == ("1/a", "1/b")
    assert len(copies.accounts) == 18
    second = copies.take(np.char.startswith(copies.job_id, "2/"))
    wrapped = (trace.submit_s + DAY_S) % trace.span_s()
    assert np.array_equal(second.submit_s, np.sort(wrapped[wrapped < 14 * DAY_S]))


@SLOW
@given(
    st.floats(0, 0.5),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 9),
    st.sampled_from([None, B200_LEMONS]),
)
def test_every_node_fails_and_comes_back_by_turns(
    rate: float, nodes: int, days: int, seed: int, lemons: Lemons | None
) -> None:
    events = failures(
        rate_per_node_day=rate, repair=Repair(600, 7200), nodes=nodes, days=days, seed=seed,
        lemons=lemons,
    )  # fmt: skip
    assert (np.diff(events.at_s) >= 0).all()
    assert (events.at_s[events.up == 0] < days * DAY_S).all()
    for node in range(nodes):
        mine = events.node == node
        assert (np.diff(events.at_s[mine]) > 0).all()
        assert events.up[mine].tolist() == [0, 1] * (int(mine.sum()) // 2)


def test_nodes_fail_as_often_and_as_long_as_published() -> None:
    """Within 3 % over a thousand node-years; three of 63 nodes have half of the failures."""
    events = failures(
        rate_per_node_day=LLAMA3_PER_NODE_DAY, repair=Repair(3600, 14_400), nodes=63 * 40,
        days=365, seed=3, lemons=B200_LEMONS,
    )  # fmt: skip
    down = events.node[events.up == 0]
    assert len(down) == pytest.approx(LLAMA3_PER_NODE_DAY * 63 * 40 * 365, rel=0.05)
    by_node = np.sort(np.bincount(down, minlength=63 * 40))[::-1]
    assert by_node[:120].sum() / len(down) == pytest.approx(0.5, abs=0.03)
    order = np.lexsort((events.at_s, events.node))
    away = np.diff(events.at_s[order])[::2]
    assert away.mean() == pytest.approx(14_400, rel=0.15)
    assert np.median(away) == pytest.approx(3600, rel=0.1)


def test_the_seed_says_which_nodes_fail_when() -> None:
    def of(seed: int) -> list[int]:
        said = failures(rate_per_node_day=0.1, repair=Repair(60, 60), nodes=20, days=30, seed=seed)
        assert (np.diff(said.at_s[np.lexsort((said.at_s, said.node))])[::2] == 60).all()
        return [*said.at_s.tolist(), *said.node.tolist()]

    assert of(1) == of(1) != of(2)


@pytest.mark.parametrize(
    "asked",
    [
        {"rate_per_node_day": -0.1},
        {"repair": Repair(60, 30)},
        {"repair": Repair(0, 30)},
        {"lemons": Lemons(nodes=0.0, failures=0.5)},
        {"lemons": Lemons(nodes=0.1, failures=1.5)},
    ],
)
def test_rates_that_nothing_has_are_refused(asked: dict[str, Any]) -> None:
    usual: dict[str, Any] = {
        "rate_per_node_day": 0.1, "repair": Repair(60, 60), "nodes": 2, "days": 2, "seed": 0
    }  # fmt: skip
    with pytest.raises(UnusableRate):
        failures(**usual | asked)


def test_a_trace_of_a_known_beginning_is_drawn_from_the_same_hour_of_the_week(
    trace: Trace,
) -> None:
    later = fit(replace(trace, origin=datetime(2026, 3, 2, 7, 30, tzinfo=UTC) + timedelta(hours=5)))
    assert np.allclose(np.roll(fit(trace).week, 5), later.week)
