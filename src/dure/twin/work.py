"""The jobs of one play: arrays in the order of submission.

- Synthetic work is drawn from a seed; a trace is played as it is; work like a trace's is drawn from
  what was fitted to it.
- A trace's accounts become projects: the largest account the project with the most servers, and
  round again where there are more accounts than projects. Without accounts, users stand for them;
  where nobody is named, jobs are dealt out by the seed, in proportion to the projects' servers.
- A job wider than its project's pool is left out and counted; nothing is cut to fit.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from dure.twin.policies.facts import Ints
from dure.twin.scenario import Demand, Synthetic
from dure.twin.setting import DAY_S, Setting

if TYPE_CHECKING:
    from dure.twin.workload import Trace

_HOUR_S: Final = 3600
_DAYTIME: Final = range(9, 21)
_WEEK_DAYS: Final = 7
_SHORTEST_S: Final = 60
_LONGEST_S: Final = 7 * DAY_S
"""Most sites end jobs after some days; a week is the longest limit seen in the traces at hand."""


class Work(NamedTuple):
    """`left_out`: jobs that no pool of theirs could ever run."""

    submit_s: Ints
    work_s: Ints
    limit_s: Ints
    width: Ints
    project: Ints
    user: Ints
    left_out: int = 0


def work_of(setting: Setting, demand: Demand, *, seed: int) -> Work:
    """The jobs that the scenario's demand brings with this seed. Raises UnableToReadTrace."""
    if demand.synthetic is not None:
        made = _synthetic(setting, demand.synthetic, np.random.default_rng([seed, 1]))
    else:
        made = _from_trace(setting, demand, seed)
    return _fitting(made, setting)


def _fitting(work: Work, setting: Setting) -> Work:
    most = np.array([setting.capacity_of(p.pool) for p in setting.projects], np.int64)
    end = setting.days * DAY_S
    fits = work.width <= most[work.project]
    inside = work.submit_s < end
    keep = np.flatnonzero(fits & inside)
    order = keep[np.argsort(work.submit_s[keep], kind="stable")]
    kept = {
        name: np.ascontiguousarray(column[order])
        for name, column in work._asdict().items()
        if name != "left_out"
    }
    return Work(**kept, left_out=int((inside & ~fits).sum()))


def _synthetic(setting: Setting, law: Synthetic, rng: np.random.Generator) -> Work:
    parts = [_one_project(setting, index, law, rng) for index in range(len(setting.projects))]
    submit_s, work_s, width, project, user = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Work(submit_s, work_s, work_s, width, project, user)


def _one_project(
    setting: Setting, index: int, law: Synthetic, rng: np.random.Generator
) -> tuple[Ints, ...]:
    project = setting.projects[index]
    claim = project.asked * setting.pools[project.pool].accelerators_per_node
    widths = np.array([w for w in law.widths if w <= claim] or [min(law.widths)], np.int64)
    odds = np.array([law.widths[int(w)] for w in widths], float)
    target = float(law.load) * claim * setting.days * DAY_S
    mean_s = law.median_run_minutes * 60 * float(np.exp(float(law.spread) ** 2 / 2))
    mean = mean_s * float((widths * odds).sum() / odds.sum())
    count = max(1, int(target / mean * 1.5) + 64)
    width = rng.choice(widths, count, p=odds / odds.sum())
    drawn = rng.lognormal(np.log(law.median_run_minutes * 60), float(law.spread), count)
    work = np.clip(drawn, _SHORTEST_S, _LONGEST_S).astype(np.int64)
    enough = int(np.searchsorted(np.cumsum(width * work), target)) + 1
    width, work = width[:enough], work[:enough]
    return (
        _arrivals(setting.days, len(work), law, rng),
        work,
        width,
        np.full(len(work), index, np.int64),
        rng.integers(0, 3, len(work)) + 3 * index,
    )


def _arrivals(days: int, count: int, law: Synthetic, rng: np.random.Generator) -> Ints:
    """Submission times: some weeks without any, fewer at night than by day."""
    weeks = -(-days // _WEEK_DAYS)
    busy = rng.random(weeks) >= float(law.idle_weeks)
    busy[rng.integers(weeks)] = True
    on = np.flatnonzero(np.repeat(busy, _WEEK_DAYS)[:days])
    hours = np.array([1.0 if h in _DAYTIME else float(law.night) for h in range(24)])
    hours = hours if hours.sum() else np.ones(24)
    hour = rng.choice(24, count, p=hours / hours.sum())
    second: Ints = (
        rng.choice(on, count) * DAY_S + hour * _HOUR_S + rng.integers(0, _HOUR_S, count)
    ).astype(np.int64)
    return second


def _from_trace(setting: Setting, demand: Demand, seed: int) -> Work:
    from dure.twin import workload  # noqa: PLC0415  # synthetic plays do without its readers

    source = demand.trace or demand.fitted
    assert source is not None  # noqa: S101  # the scenario has exactly one source
    trace = workload.read(Path(setting.folder) / source.file, zone=source.zone).trace
    if demand.fitted is not None:
        trace = workload.generate(
            workload.fit(trace),
            accounts=len(setting.projects),
            days=setting.days,
            load=float(demand.fitted.load),
            capacity=setting.capacity,
            seed=seed,
        )
    work = trace.run_s.astype(np.int64)
    if demand.trace is not None and demand.trace.load is not None:
        offered = float((work * trace.accelerators).sum())
        wanted = (
            float(demand.trace.load) * setting.capacity * min(trace.span_s(), setting.days * DAY_S)
        )
        work = np.maximum(1, (work * (wanted / offered)).astype(np.int64))
    limit = np.where(trace.limit_s > 0, np.maximum(trace.limit_s, work), work)
    project = _homes(setting, trace, work, np.random.default_rng([seed, 3]))
    return Work(trace.submit_s, work, limit, trace.accelerators, project, trace.user)


def _homes(setting: Setting, trace: Trace, work: Ints, rng: np.random.Generator) -> Ints:
    """The project of each job: its owner's, or one that is drawn where nobody is named."""
    by_account = len(trace.accounts) > 1
    owner = trace.account if by_account else trace.user
    names = trace.accounts if by_account else trace.users
    named = np.array([bool(name) for name in names], bool)[owner]
    asked = np.array([project.asked for project in setting.projects], float)
    homes: Ints = rng.choice(len(asked), len(work), p=asked / asked.sum()).astype(np.int64)
    if named.any():
        homes[named] = _shared_out(setting, owner[named], (work * trace.accelerators)[named])
    return homes


def _shared_out(setting: Setting, owner: Ints, demand_as: Ints) -> Ints:
    """The project of each job, by its owner's place among the owners."""
    uses = np.bincount(owner, weights=demand_as.astype(float))
    place = np.empty(len(uses), np.int64)
    place[np.argsort(-uses, kind="stable")] = np.arange(len(uses))
    by_size = sorted(range(len(setting.projects)), key=lambda i: -setting.projects[i].asked)
    projects: Ints = np.array(by_size, np.int64)[place[owner] % len(by_size)]
    return projects
