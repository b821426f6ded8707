"""Demand like a trace's, for other accounts, another length, another site.

- The demand is load x capacity x time to within one job: jobs are drawn until it is reached.
- Jobs wider than the capacity are not drawn; the other widths keep their proportions.
- Each account has days on and off of its own; when it is on, it submits by the hour of the week.
- One generator, PCG64, drawn from in a fixed order: the seed says it all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from dure.twin.workload.fitting import DAY_S, GRID, HOUR_S, WEEK_H, Fitted, first_hour
from dure.twin.workload.refusals import Refusal
from dure.twin.workload.trace import Flags, Floats, Ints, Trace, trace_of
from dure.vocabulary.marking import gettext_noop as _

MAX_JOBS: Final = 50_000_000
"""Ten times the largest trace that is measured; more do not fit the memory of a usual machine."""


class UnableToGenerate(Refusal):
    """What is asked for cannot be drawn from what was fitted; the message says what to change."""


def generate(
    fitted: Fitted,
    *,
    accounts: int | Mapping[str, float],
    days: int,
    load: float,
    capacity: int,
    seed: int,
) -> Trace:
    """Jobs that ask for `load` of `capacity` accelerators over `days` days.

    `accounts` says how many, with the fitted shares, or the share of each by name.
    """
    _check(fitted, days=days, load=load, capacity=capacity)
    rng = np.random.Generator(np.random.PCG64(seed))
    names, place, shares = _names(fitted, accounts)
    width, run = _jobs(rng, fitted, capacity, load * capacity * days * DAY_S)
    on = _days_on(rng, fitted, place, days)
    # by days on: an account is not busier for being on more seldom than usual
    account = _pick(rng, shares * on.mean(axis=1) / _usually_on(fitted, place), len(run))
    submit = _submissions(rng, fitted, on, account)
    order = np.argsort(submit, kind="stable")
    submit, account, width, run = submit[order], account[order], width[order], run[order]
    users, user = _users(rng, fitted, names, account)
    return trace_of(
        submit_s=submit,
        run_s=run,
        accelerators=width,
        limit_s=_limits(rng, fitted, run),
        kind=_pick(rng, fitted.kind_share, len(run)),
        account=account,
        accounts=names,
        user=user,
        users=users,
        origin=fitted.origin,
    )


def _check(fitted: Fitted, *, days: int, load: float, capacity: int) -> None:
    if days < 1 or load <= 0 or capacity < 1:
        raise UnableToGenerate(_("days, load and capacity must be more than 0"))
    if capacity < fitted.widths[0]:
        raise UnableToGenerate(
            _("every job is wider than the capacity of {capacity}: the narrowest has {width}"),
            capacity=capacity,
            width=fitted.widths[0],
        )
    jobs = load * capacity * days * DAY_S / fitted.mean_demand_as(capacity)
    if jobs > MAX_JOBS:
        raise UnableToGenerate(
            _("{jobs} jobs, more than {most}: make days, load or capacity less"),
            jobs=f"{jobs:,.0f}",
            most=f"{MAX_JOBS:,}",
        )


def _names(
    fitted: Fitted, accounts: int | Mapping[str, float]
) -> tuple[tuple[str, ...], Ints, Floats]:
    """Names, the fitted account that each one is like, and shares."""
    count = accounts if isinstance(accounts, int) else len(accounts)
    if count < 1:
        raise UnableToGenerate(_("there must be at least one account"))
    like = np.linspace(0, len(fitted.account_share) - 1, count).round().astype(np.int64)
    if isinstance(accounts, int):
        digits = len(str(count))
        names = tuple(f"account-{place:0{digits}}" for place in range(1, count + 1))
        shares = fitted.account_share[like]
    else:
        names, shares = tuple(accounts), np.array(list(accounts.values()), np.float64)
        if not np.isfinite(shares).all() or shares.min() < 0 or shares.sum() <= 0:
            raise UnableToGenerate(_("shares of accounts must be 0 or more, and one more than 0"))
    return names, like, shares / shares.sum()


def _jobs(
    rng: np.random.Generator, fitted: Fitted, capacity: int, demand_as: float
) -> tuple[Ints, Ints]:
    """Widths and run times of as many jobs as the demand needs."""
    fits = fitted.widths <= capacity
    widths, shares = fitted.widths[fits], fitted.width_share[fits]
    batch = int(1.05 * demand_as / fitted.mean_demand_as(capacity)) + 100
    drawn: list[tuple[Ints, Ints]] = []
    reached = 0
    while reached < demand_as:
        width = widths[_pick(rng, shares, batch)]
        run = _runs(rng, fitted, width)
        drawn.append((width, run))
        reached += int(np.dot(width, run))
    width, run = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    enough = int(np.searchsorted(np.cumsum(width * run), demand_as)) + 1
    return width[:enough], run[:enough]


def _runs(rng: np.random.Generator, fitted: Fitted, width: Ints) -> Ints:
    classes = fitted.class_of(width)
    chance = rng.random(len(width))
    run = np.empty(len(width))
    for one in range(len(fitted.class_from)):
        rows = np.flatnonzero(classes == one)
        run[rows] = np.interp(chance[rows], GRID, fitted.run_s[one])
    return np.maximum(np.rint(run), 1).astype(np.int64)


def _limits(rng: np.random.Generator, fitted: Fitted, run: Ints) -> Ints:
    if not fitted.limited:
        return np.zeros_like(run)
    bins = np.maximum(np.searchsorted(fitted.limit_from, run, side="right") - 1, 0)
    chance = rng.random(len(run))
    stretch = np.empty(len(run))
    for one in range(len(fitted.limit_from)):
        rows = np.flatnonzero(bins == one)
        stretch[rows] = np.interp(chance[rows], GRID, fitted.stretch[one])
    asked = rng.random(len(run)) < fitted.limited
    return np.where(asked, np.ceil(run * stretch), 0).astype(np.int64)


def _usually_on(fitted: Fitted, place: Ints) -> Floats:
    """The share of days on, in the long run."""
    stops, resumes = fitted.stops[place], fitted.resumes[place]
    share: Floats = np.where(stops > 0, resumes / np.maximum(stops + resumes, 1e-12), 1.0)
    return share


def _days_on(rng: np.random.Generator, fitted: Fitted, place: Ints, days: int) -> Flags:
    """By account and day. If it happens that nobody is on at all, everybody is."""
    stops, resumes = fitted.stops[place], fitted.resumes[place]
    on = np.empty((len(place), days), np.bool_)
    now = rng.random(len(place)) < _usually_on(fitted, place)
    for day in range(days):
        on[:, day] = now
        chance = rng.random(len(place))
        now = np.where(now, chance >= stops, chance < resumes)
    return on if on.any() else np.ones_like(on)


def _submissions(rng: np.random.Generator, fitted: Fitted, on: Flags, account: Ints) -> Ints:
    days = on.shape[1]
    hours = np.arange(days * 24)
    rate = fitted.week[(hours + first_hour(fitted.origin)) % WEEK_H]
    chance = rng.random(len(account))
    order = np.argsort(account, kind="stable")
    ends = np.cumsum(np.bincount(account, minlength=len(on)))
    submit = np.empty(len(account), np.int64)
    for one, rows in enumerate(np.split(order, ends[:-1])):
        if len(rows):
            till = np.concatenate([[0.0], np.cumsum(rate * np.repeat(on[one], 24))])
            submit[rows] = _moments(chance[rows] * till[-1], till)
    return submit


def _moments(mass: Floats, till: Floats) -> Ints:
    """The second at which the mass up to there is reached; `till` has it by full hour."""
    hour = np.minimum(np.searchsorted(till, mass, side="right") - 1, len(till) - 2)
    while (empty := till[hour] == till[hour + 1]).any():  # rounding put it past the last hour on
        hour = hour - empty
    part = (mass - till[hour]) / (till[hour + 1] - till[hour])
    second: Ints = hour * HOUR_S + np.minimum((part * HOUR_S).astype(np.int64), HOUR_S - 1)
    return second


def _pick(rng: np.random.Generator, shares: Floats, count: int) -> Ints:
    """Places drawn by their shares."""
    total = np.cumsum(shares)
    places: Ints = np.searchsorted(total, rng.random(count) * total[-1], side="right")
    return np.minimum(places, len(shares) - 1)


def _users(
    rng: np.random.Generator, fitted: Fitted, names: tuple[str, ...], account: Ints
) -> tuple[tuple[str, ...], Ints]:
    ranks = len(fitted.user_share)
    if not ranks:
        return ("",), np.zeros_like(account)
    users = tuple(f"{name}/user-{rank}" for name in names for rank in range(1, ranks + 1))
    return users, account * ranks + _pick(rng, fitted.user_share, len(account))
