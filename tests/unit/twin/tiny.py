"""A play so small that it can be read: two projects on four nodes, one who waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dure.twin import metrics, run, setting, work
from dure.twin.scenario import Scenario
from dure.vocabulary.programme import Programme

DAY_S = 86_400
HOUR_S = 3600

SCENARIO: dict[str, Any] = {
    "schema": "dure.twin/1",
    "name": {"ko": "아주 작은", "en": "tiny"},
    "starts": "2026-03-02",
    "days": 12,
    "control_step_hours": 6,
    "supply": {"pools": [{"id": "a", "nodes": 4, "accelerators_per_node": 8}]},
    "allocations": {
        "given": [
            {"project": "busy", "pool": "a", "servers": 2},
            {"project": "idle", "pool": "a", "servers": 2},
        ],
        "waiting": [{"project": "next", "pool": "a", "servers": 1, "months": 1}],
    },
    "demand": {"synthetic": {}, "checkpoint_minutes": 60, "restart_s": 60},
    "lending": {"grace_s": 30, "backoff_s": 0},
    "reclaim": [
        {
            "id": "poor-use", "kind": "low_occupancy", "window_days": 3, "below": "20%",
            "remove": "1/2", "notice_days": 2, "say": {"ko": "저사용", "en": "poor use"},
        }
    ],
}  # fmt: skip


def no_programme(name: str) -> Programme:
    raise AssertionError(name)


def scenario(**changed: Any) -> Scenario:
    return Scenario.model_validate(SCENARIO | changed)


def set_(asked: Scenario, *, seed: int = 1) -> setting.Setting:
    return setting.setting_of(asked, folder=Path(), programmes=no_programme, seed=seed)


def jobs(*rows: tuple[int, int, int, int]) -> work.Work:
    """Rows of submit_s, work_s, width, project; in the order of submission."""
    submit, run_s, width, project = np.array(rows, np.int64).reshape(-1, 4).T.copy()
    return work.Work(submit, run_s, run_s, width, project, project)


def steady() -> work.Work:
    """`busy` always has 24 accelerators' worth of jobs; `next` 8; `idle` a burst on day 9."""
    rows = []
    for day in range(12):
        rows += [(day * DAY_S, 20 * HOUR_S, 8, 0)] * 3
        rows += [(day * DAY_S + HOUR_S, 10 * HOUR_S, 4, 2)] * 2
    rows += [(9 * DAY_S + 5 * HOUR_S, 6 * HOUR_S, 8, 1)] * 2
    return jobs(*sorted(rows))


def play(policy: str, *, of: work.Work | None = None, **changed: Any) -> run.Play:
    asked = scenario(**changed)
    place = set_(asked)
    return run.play(asked, place, steady() if of is None else of, policy=policy, seed=1)


def measured(policy: str, **changed: Any) -> metrics.Metrics:
    return metrics.measure(play(policy, **changed))
