"""The jobs of one play: arrays in the order of submission.

- Synthetic work is drawn from a seed; a trace is played as it is; work like a trace's is drawn from
  what was fitted to it.
- A trace's accounts become projects: the largest account the project with the most servers, and
  round again where there are more accounts than projects. Without accounts, users stand for them;
  where nobody is named, jobs are dealt out by the seed, in proportion to the projects' servers.
- A job wider than its project's pool is left out and counted; nothing is cut to fit.
- Who applies for a later round has work for the term that it asks for, from the day it applies on;
  the load of fitted work is of the pools for those there from the beginning, and of what is asked
  for for applicants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from dure.twin.notes import Note
from dure.twin.policies.facts import Ints
from dure.twin.scenario import Demand, Scenario, Synthetic
from dure.twin.setting import DAY_S, Setting
from dure.vocabulary.marking import gettext_noop as _

if TYPE_CHECKING:
    from dure.twin.workload import Fitted, Trace

_HOUR_S: Final = 3600
_HELD: Final = 0.9
"""A trace that ends a little before the play's last day is whole (our choice)."""
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


def demand_notes(scenario: Scenario, work: Work) -> Iterator[Note]:
    """What a reader of a play must know of its jobs."""
    if work.left_out:
        wide = _("Jobs wider than their project's pool, which are not played: {count}.")
        yield Note(wide, (("count", work.left_out),))
    trace = scenario.demand.trace
    if trace is None:
        return
    if trace.load is not None:
        yield Note(
            _("Every job of the trace runs longer or shorter by one factor, for a load of {load}."),
            (("load", f"{float(trace.load):g}"),),
        )
    held = -(-int(work.submit_s.max(initial=0)) // DAY_S)
    if held < _HELD * scenario.days:
        yield Note(
            _(
                "The trace has jobs for {held} of the {days} days; the others are empty, and lower"
                " every figure. Write 'days: {held}', or 'fitted' in place of 'trace'."
            ),
            (("held", max(1, held)), ("days", scenario.days)),
        )


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
    begin, end = project.works(setting.days)
    days = -(-(end - begin) // DAY_S)
    claim = project.asked * setting.pools[project.pool].accelerators_per_node
    widths = np.array([w for w in law.widths if w <= claim] or [min(law.widths)], np.int64)
    odds = np.array([law.widths[int(w)] for w in widths], float)
    target = float(law.load) * claim * days * DAY_S
    mean_s = law.median_run_minutes * 60 * float(np.exp(float(law.spread) ** 2 / 2))
    mean = mean_s * float((widths * odds).sum() / odds.sum())
    count = max(1, int(target / mean * 1.5) + 64)
    width = rng.choice(widths, count, p=odds / odds.sum())
    drawn = rng.lognormal(np.log(law.median_run_minutes * 60), float(law.spread), count)
    work = np.clip(drawn, _SHORTEST_S, _LONGEST_S).astype(np.int64)
    enough = int(np.searchsorted(np.cumsum(width * work), target)) + 1
    width, work = width[:enough], work[:enough]
    return (
        begin + _arrivals(days, len(work), law, rng),
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
    rng = np.random.default_rng([seed, 3])
    if demand.fitted is not None:
        parts = _like(setting, workload.fit(trace), float(demand.fitted.load), seed, rng)
        columns = (np.concatenate(column) for column in zip(*parts, strict=True))
        submit_s, work, limit_s, width, project, user = columns
        return Work(submit_s, work, limit_s, width, project, user)
    work = trace.run_s.astype(np.int64)
    if demand.trace is not None and demand.trace.load is not None:
        offered = float((work * trace.accelerators).sum())
        wanted = (
            float(demand.trace.load) * setting.capacity * min(trace.span_s(), setting.days * DAY_S)
        )
        work = np.maximum(1, (work * (wanted / offered)).astype(np.int64))
    who = range(len(setting.projects))
    submit_s, work, limit_s, width, project, user = _dealt(setting, trace, work, who, rng)
    return Work(submit_s, work, limit_s, width, project, user)


def _like(
    setting: Setting, fitted: Fitted, load: float, seed: int, rng: np.random.Generator
) -> Iterator[tuple[Ints, ...]]:
    """Work like a trace's, made for those who work at the same time."""
    from dure.twin import workload  # noqa: PLC0415  # as above

    together: dict[tuple[int, int], list[int]] = {}
    for index, project in enumerate(setting.projects):
        together.setdefault(project.works(setting.days), []).append(index)
    for (begin, end), who in sorted(together.items()):
        asked = sum(
            setting.projects[i].asked * setting.per_node_of(setting.projects[i].pool) for i in who
        )
        trace = workload.generate(
            fitted,
            accounts=len(who),
            days=-(-(end - begin) // DAY_S),
            load=load,
            capacity=asked if begin or end < setting.days * DAY_S else setting.capacity,
            seed=seed if not begin else int(rng.integers(2**31)),
        )
        submit_s, *others = _dealt(setting, trace, trace.run_s.astype(np.int64), who, rng)
        yield begin + submit_s, *others


def _dealt(
    setting: Setting, trace: Trace, work: Ints, who: Sequence[int], rng: np.random.Generator
) -> tuple[Ints, ...]:
    """The trace's jobs as those of these projects."""
    limit = np.where(trace.limit_s > 0, np.maximum(trace.limit_s, work), work)
    project = _homes(setting, trace, work, who, rng)
    return trace.submit_s, work, limit, trace.accelerators, project, trace.user


def _homes(
    setting: Setting, trace: Trace, work: Ints, who: Sequence[int], rng: np.random.Generator
) -> Ints:
    """The project of each job: its owner's, or one that is drawn where nobody is named."""
    by_account = len(trace.accounts) > 1
    owner = trace.account if by_account else trace.user
    names = trace.accounts if by_account else trace.users
    named = np.array([bool(name) for name in names], bool)[owner]
    by_size = sorted(who, key=lambda i: -setting.projects[i].asked)
    asked = np.array([setting.projects[i].asked for i in who], float)
    homes: Ints = np.array(who, np.int64)[rng.choice(len(who), len(work), p=asked / asked.sum())]
    if named.any():
        homes[named] = _shared_out(by_size, owner[named], (work * trace.accelerators)[named])
    return homes


def _shared_out(by_size: list[int], owner: Ints, demand_as: Ints) -> Ints:
    """The project of each job, by its owner's place among the owners."""
    uses = np.bincount(owner, weights=demand_as.astype(float))
    place = np.empty(len(uses), np.int64)
    place[np.argsort(-uses, kind="stable")] = np.arange(len(uses))
    projects: Ints = np.array(by_size, np.int64)[place[owner] % len(by_size)]
    return projects
