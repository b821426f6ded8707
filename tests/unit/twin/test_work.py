"""Whose the jobs of a trace are, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.unit.twin import tiny

from dure.twin import setting, work, workload
from dure.twin.scenario import Scenario


def played(tmp_path: Path, accounts: list[str], **trace: object) -> work.Work:
    count = len(accounts)
    names = tuple(sorted(set(accounts)))
    written = workload.trace_of(
        submit_s=np.arange(count, dtype=np.int64) * 60,
        run_s=np.full(count, 3600, np.int64),
        accelerators=np.full(count, 8, np.int64),
        account=np.array([names.index(a) for a in accounts], np.int64),
        accounts=names,
    )
    workload.write(written, tmp_path / "t.csv")
    asked: Scenario = tiny.scenario(demand={"trace": {"file": "t.csv", **trace}})
    place = setting.setting_of(asked, folder=tmp_path, programmes=tiny.no_programme)
    return work.work_of(place, asked.demand, seed=1)


def test_the_largest_account_is_the_project_with_the_most_servers(tmp_path: Path) -> None:
    found = played(tmp_path, ["small"] * 2 + ["large"] * 7)
    assert found.project.tolist() == [1, 1] + [0] * 7


def test_jobs_of_nobody_are_dealt_out_to_all_projects(tmp_path: Path) -> None:
    found = played(tmp_path, [""] * 300)
    counts = np.bincount(found.project, minlength=3)
    assert (counts > 20).all()
    assert counts[2] < counts[0]


def test_a_load_stretches_run_times_to_it(tmp_path: Path) -> None:
    found = played(tmp_path, ["a"] * 100, load=0.5)
    offered = int((found.work_s * found.width).sum())
    assert abs(offered / (32 * 99 * 60 + 32) - 0.5) < 0.01


def test_a_job_wider_than_its_pool_is_left_out_and_counted() -> None:
    asked = tiny.scenario(demand={"synthetic": {"widths": {64: 1}}})
    found = work.work_of(tiny.set_(asked), asked.demand, seed=1)
    assert len(found.width) == 0
    assert found.left_out > 0
