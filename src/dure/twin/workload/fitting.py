"""What is typical of a trace, small enough to print: the marginals that `generating` draws from.

- Arrivals: the share of each hour of the week, Monday 00:00 UTC first. A trace that does not say
  when it began is taken to begin there.
- Sizes: the share of each width. Run times: quantiles in each class of widths, powers of two
  joined until a class has enough jobs.
- Limits: how far above the run time they were asked, by how long the job ran.
- Accounts, largest first: their shares of the jobs, and from day to day the chance that one which
  submitted stops, and that one which did not submits again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from dure.twin.workload.refusals import Refusal
from dure.twin.workload.trace import Floats, Ints, Kind, Trace
from dure.vocabulary.marking import gettext_noop as _

HOUR_S: Final = 3600
DAY_S: Final = 86_400
WEEK_H: Final = 168

GRID: Final[Floats] = np.unique(
    np.concatenate([np.linspace(0, 1, 201), 1 - 0.005 * 0.5 ** np.arange(1, 8)])
)
"""Where quantiles are kept. The last half per cent, where most accelerator-hours are, is halved
on, so that the mean of what is drawn stays within a few per cent of the trace's."""

CLASS_JOBS: Final = 200
"""Jobs that a class of widths needs: as many as the grid has quantiles."""

LIMIT_BINS: Final = 8
"""Classes of run time, each with an eighth of the jobs, for how far limits exceed them."""

MAX_USERS: Final = 50
"""Users of an account that are told apart; more make no difference to a fair share."""


class UnableToFit(Refusal):
    """The trace has too little to be typical of anything."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The marginals of a trace. Shares of one array add up to 1."""

    origin: datetime | None  # a full hour
    week: Floats  # [168]
    widths: Ints
    width_share: Floats
    class_from: Ints  # the least width of each class
    run_s: Floats  # [class, GRID]
    limited: float  # the share of jobs with a limit
    limit_from: Floats  # the least run time of each bin
    stretch: Floats  # [bin, GRID]: limit over run time, at least 1
    account_share: Floats
    stops: Floats  # by account: chance that a day with submissions is followed by one without
    resumes: Floats  # by account: chance of the reverse
    user_share: Floats  # by rank in an account; empty where users are not known
    kind_share: Floats  # [3]

    def mean_demand_as(self, most: int) -> float:
        """Accelerator-seconds of a job, of those no wider than `most`."""
        fits = self.widths <= most
        share = self.width_share[fits]
        means: Floats = np.asarray(np.trapezoid(self.run_s, GRID, axis=1))
        runs = means[self.class_of(self.widths[fits])]
        return float((share * self.widths[fits] * runs).sum() / share.sum())

    def class_of(self, widths: Ints) -> Ints:
        places: Ints = np.searchsorted(self.class_from, widths, side="right") - 1
        return np.maximum(places, 0)


def fit(trace: Trace) -> Fitted:
    """The marginals of a trace of at least one job."""
    if not len(trace):
        raise UnableToFit(_("a trace without jobs is typical of nothing"))
    widths, counts = np.unique(trace.accelerators, return_counts=True)
    class_from = _classes(widths, counts)
    classes = np.searchsorted(class_from, trace.accelerators, side="right") - 1
    limited = trace.limit_s > 0
    limit_from, stretch = _stretches(trace.run_s[limited], trace.limit_s[limited])
    order, shares = _accounts(trace)
    stops, resumes = _idleness(trace, order)
    return Fitted(
        origin=_full_hour(trace.origin),
        week=_week(trace),
        widths=widths,
        width_share=counts / counts.sum(),
        class_from=class_from,
        run_s=np.stack(
            [np.quantile(trace.run_s[classes == one], GRID) for one in range(len(class_from))]
        ),
        limited=float(limited.mean()),
        limit_from=limit_from,
        stretch=stretch,
        account_share=shares,
        stops=stops,
        resumes=resumes,
        user_share=_users(trace),
        kind_share=np.bincount(trace.kind, minlength=len(Kind)) / len(trace),
    )


def _full_hour(origin: datetime | None) -> datetime | None:
    return origin and origin.replace(minute=0, second=0, microsecond=0)


def first_hour(origin: datetime | None) -> int:
    """The hour of the week in which second 0 is."""
    return 0 if origin is None else origin.weekday() * 24 + origin.hour


def _week(trace: Trace) -> Floats:
    """Jobs an hour of the week, over how often the trace has that hour."""
    begin = _full_hour(trace.origin)
    late = 0 if begin is None else int((trace.origin - begin) / timedelta(seconds=1))  # type: ignore[operator]  # both known
    hour = (trace.submit_s + late) // HOUR_S
    first = first_hour(begin)
    jobs = np.bincount((hour + first) % WEEK_H, minlength=WEEK_H)
    times = np.bincount((np.arange(hour[-1] + 1) + first) % WEEK_H, minlength=WEEK_H)
    rate = jobs / np.maximum(times, 1)
    # an hour that a short trace does not have is as busy as the others
    rate = np.where(times > 0, rate, rate.sum() / max(np.count_nonzero(times), 1))
    share: Floats = rate / rate.sum()
    return share


def _classes(widths: Ints, counts: Ints) -> Ints:
    """The least width of each class: powers of two, joined to have enough jobs each."""
    starts: list[int] = []
    jobs = CLASS_JOBS
    for power in np.unique(np.log2(widths).astype(np.int64)):
        if jobs >= CLASS_JOBS:
            starts.append(int(1 << power))
            jobs = 0
        jobs += int(counts[np.log2(widths).astype(np.int64) == power].sum())
    if jobs < CLASS_JOBS and len(starts) > 1:
        starts.pop()  # the widest are too few: they join those before them
    return np.array(starts, np.int64)


def _stretches(run: Ints, limit: Ints) -> tuple[Floats, Floats]:
    if not len(run):
        return np.zeros(1), np.ones((1, len(GRID)))
    edges = np.unique(np.quantile(run, np.arange(LIMIT_BINS) / LIMIT_BINS))
    bins = np.searchsorted(edges, run, side="right") - 1
    ratio = np.maximum(limit / run, 1.0)
    return edges, np.stack([np.quantile(ratio[bins == one], GRID) for one in range(len(edges))])


def _accounts(trace: Trace) -> tuple[Ints, Floats]:
    """Accounts with jobs, those with most first, and their shares."""
    counts = np.bincount(trace.account)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return order, counts[order] / len(trace)


def _idleness(trace: Trace, order: Ints) -> tuple[Floats, Floats]:
    """Chances from one day to the next, counted on the days of the whole trace."""
    days = trace.span_s() // DAY_S + 1
    on = np.zeros((int(trace.account.max()) + 1, days), np.bool_)
    on[trace.account, trace.submit_s // DAY_S] = True
    on = on[order]
    before, after = on[:, :-1], on[:, 1:]
    stopped, was_on = (before & ~after).sum(axis=1), before.sum(axis=1)
    resumed, was_off = (~before & after).sum(axis=1), (~before).sum(axis=1)
    # half a return is added, so that an account that was not seen to return may yet
    return (
        stopped / np.maximum(was_on, 1),
        np.where(was_off > 0, (resumed + 0.5) / (was_off + 1), 1.0),
    )


def _users(trace: Trace) -> Floats:
    """The share of an account's jobs by rank of its users, over all accounts."""
    if len(trace.users) < 2:  # noqa: PLR2004  # one name is no users told apart
        return np.zeros(0)
    key, counts = np.unique(trace.account * len(trace.users) + trace.user, return_counts=True)
    account = key // len(trace.users)
    order = np.lexsort((-counts, account))
    account, counts = account[order], counts[order]
    rank = np.arange(len(account)) - np.searchsorted(account, account)
    jobs = np.bincount(np.minimum(rank, MAX_USERS - 1), weights=counts)
    shares: Floats = jobs / jobs.sum()
    return shares
