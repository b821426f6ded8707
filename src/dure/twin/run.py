"""One play: scenario, policy, seed -> result.

- Between control steps the sites' engines run; at each step the live decisions decide.
- Everything that is drawn hangs on the seed alone, so every policy meets the same
  jobs and failures.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import process_time

import numpy as np

from dure.engine import reclaim
from dure.engine import scheduling as sched
from dure.twin import control, site, standing, workload
from dure.twin.notes import MOVES, Note
from dure.twin.policies import POLICIES
from dure.twin.policies.facts import Ints
from dure.twin.profiles import PROFILES
from dure.twin.scenario import Failures, Scenario
from dure.twin.setting import DAY_S, Setting
from dure.twin.work import Work

Progress = Callable[[int], None]
"""Told how many days are played."""


@dataclass(frozen=True, slots=True)
class Play:
    """What one run leaves: the sites with their worlds, the work they did, what was decided.

    `deciding`: CPU seconds of each control step's decisions. `notes`: what of the rules and the
    supply was not played.
    """

    policy: str
    seed: int
    setting: Setting
    work: Work
    sites: tuple[site.Site, ...]
    register: standing.Register
    step_s: int
    bound_s: int
    deciding: tuple[float, ...]
    notes: tuple[Note, ...] = ()


def play(
    scenario: Scenario,
    setting: Setting,
    work: Work,
    *,
    policy: str,
    seed: int,
    progress: Progress = lambda _days: None,
) -> Play:
    """Plays the scenario under one policy. Raises PlanRefused."""
    rules = control.rules_of(setting, POLICIES[policy])
    register = standing.begin(setting, remember_days=_longest_window(rules) + 1)
    sites = tuple(_sites(scenario, setting, work, policy, seed))
    steered = control.Control(
        setting=setting,
        policy=POLICIES[policy],
        rules=rules,
        sites=sites,
        register=register,
        seed=seed,
    )
    step_s = scenario.control_step_hours * 3600
    with _without_collector():
        deciding = _days(steered, step_s, progress)
    return Play(
        policy=policy,
        seed=seed,
        setting=setting,
        work=work,
        sites=sites,
        register=register,
        step_s=step_s,
        bound_s=setting.lending.grace_s + PROFILES[scenario.profile].sweep_s,
        deciding=deciding,
        notes=(*setting.notes, MOVES),
    )


@contextmanager
def _without_collector() -> Iterator[None]:
    """Plans and facts hold no circles; looking for some takes a fifth of the control steps."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _days(steered: control.Control, step_s: int, progress: Progress) -> tuple[float, ...]:
    """Plays all days; says what the decisions of each control step took."""
    before, deciding = _used(steered), list[float]()
    for at_s in range(0, steered.setting.days * DAY_S, step_s):
        began = process_time()
        control.step(steered, at_s)
        deciding.append(process_time() - began)
        for one in steered.sites:
            one.advance(at_s + step_s)
        if (at_s + step_s) % DAY_S == 0:
            before = _close_day(steered, at_s // DAY_S, before)
            progress(at_s // DAY_S + 1)
    return tuple(deciding)


def _longest_window(rules: tuple[object, ...]) -> int:
    return max((getattr(rule, "window_days", 0) for rule in rules), default=0)


def _sites(
    scenario: Scenario, setting: Setting, work: Work, policy: str, seed: int
) -> list[site.Site]:
    made = []
    home = np.array([p.pool for p in setting.projects], np.int64)[work.project]
    for place, pool in enumerate(setting.pools):
        projects = [i for i, p in enumerate(setting.projects) if p.pool == place]
        present = [setting.projects[i] for i in projects]
        made.append(
            site.begin(
                pool,
                work,
                np.flatnonzero(home == place),
                projects=projects,
                keys=[p.key for p in present],
                start=setting.start,
                demand=scenario.demand,
                policy=POLICIES[policy],
                profile=PROFILES[scenario.profile],
                lending=setting.lending,
                backfill=scenario.backfill,
                events=_events(scenario.failures, pool.nodes, setting.days, (seed, 2, place)),
            )
        )
    return made


def _events(
    asked: Failures | None, nodes: int, days: int, seed: tuple[int, int, int]
) -> sched.NodeEvents:
    """Failures and repairs of one pool: the same under every policy."""
    if asked is None:
        none = np.zeros(0, np.int64)
        return sched.NodeEvents(none, none, none)
    bad = asked.bad_nodes
    return workload.failures(
        rate_per_node_day=float(1 / asked.node_days),
        repair=workload.Repair(
            float(asked.repair_median_hours) * 3600, float(asked.repair_mean_hours) * 3600
        ),
        nodes=nodes,
        days=days,
        seed=int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]),
        lemons=workload.Lemons(float(bad.nodes), float(bad.failures)) if bad else None,
    )


def _used(steered: control.Control) -> Ints:
    """By project: accelerator-seconds under guarantees so far."""
    used = np.zeros(len(steered.setting.projects), np.int64)
    for one in steered.sites:
        used[one.projects] = one.world.state.owner_as[: len(one.projects)]
    return used


def _close_day(steered: control.Control, day: int, before: Ints) -> Ints:
    """Each project's use of the day that ended goes into its account."""
    used = _used(steered)
    if steered.rules:
        date = (steered.setting.start + timedelta(days=day)).date()
        of_day = (used - before).tolist()
        for one, amount in zip(steered.register.standings, of_day, strict=True):
            if one.servers:
                one.used += amount
                one.days.append(reclaim.DayUse(day=date, used=amount))
    return used
