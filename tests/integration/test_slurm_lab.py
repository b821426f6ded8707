"""The lab is a real Slurm: what it promises is seen on its daemons."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dure.cli.slurm_lab import Lab, NoLabHere, Shape

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("lab"))
    made.up()
    yield made
    made.kill()


def eventually(holds: Callable[[], bool], *, within_s: float = 30) -> None:
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def submit(lab: Lab, *options: str, run: str = "sleep 60") -> str:
    said = lab.run("sbatch", "--parsable", "-o", "/dev/null", *options, f"--wrap={run}")
    return said.strip()


def state(lab: Lab, job: str) -> str:
    return lab.run("squeue", "-h", "-j", job, "-o", "%T", "-t", "all").strip()


def test_the_nodes_are_idle_and_their_accelerators_are_counted(lab: Lab) -> None:
    assert set(lab.states().values()) == {"idle"}
    assert len(lab.states()) == 8
    job = submit(lab, "-N2", "--gres=gpu:8", run="sleep 1")
    eventually(lambda: state(lab, job) == "COMPLETED")

    def metered() -> bool:
        rows = lab.run("sacct", "-X", "-n", "-P", "-j", job, "--format=State,AllocTRES")
        return rows.startswith("COMPLETED|") and "gres/gpu=16" in rows

    eventually(metered)


def test_a_wide_job_asks_for_a_block_and_gets_one(lab: Lab) -> None:
    job = submit(lab, "-N4", "--gres=gpu:8", "--switches=1")
    eventually(lambda: state(lab, job) == "RUNNING")
    nodes = lab.run("squeue", "-h", "-j", job, "-o", "%N").strip()
    assert nodes in {"n[1-4]", "n[5-8]"}
    lab.run("scancel", job)


def test_what_ran_on_a_node_that_dies_runs_again_elsewhere(lab: Lab) -> None:
    job = submit(lab, "--requeue", "--nodelist=n3", "--gres=gpu:1")
    eventually(lambda: state(lab, job) == "RUNNING")
    lab.kill_node("n3")
    lab.run("scontrol", "update", "nodename=n3", "state=down", "reason=test")
    eventually(lambda: state(lab, job) == "PENDING")
    lab.run("scancel", job)
    lab.start_nodes(["n3"])
    eventually(lambda: lab.states()["n3"] == "idle")


def test_the_controller_comes_back_with_what_runs(lab: Lab) -> None:
    job = submit(lab, "--gres=gpu:1")
    eventually(lambda: state(lab, job) == "RUNNING")
    time.sleep(5)  # slurmctld writes its state every few seconds
    lab.kill_controller()
    assert not lab.is_up
    lab.start_controller()
    assert state(lab, job) == "RUNNING"
    lab.run("scancel", job)


def test_a_second_lab_is_apart_and_its_end_touches_nothing_of_the_first(
    lab: Lab, tmp_path: Path
) -> None:
    other = Lab(tmp_path / "other", Shape(nodes=2, accelerators=4, block_nodes=2))
    other.up()
    assert other.states() == {"n1": "idle", "n2": "idle"}
    began = time.monotonic()
    other.kill()
    assert time.monotonic() - began < 10
    assert not other.is_up
    assert len(lab.states()) == 8
    assert lab.is_up


def test_a_lab_that_was_ended_goes_on_with_what_it_had(tmp_path: Path) -> None:
    made = Lab(tmp_path / "kept", Shape(nodes=1, accelerators=2, block_nodes=1))
    made.up()
    made.run("sacctmgr", "-i", "add", "account", "org-a")
    made.kill()
    again = Lab.of(tmp_path / "kept")
    assert again.shape == made.shape
    again.up()
    assert "org-a" in again.run("sacctmgr", "-n", "-P", "list", "account", "format=account")
    again.remove()
    assert not (tmp_path / "kept").exists()


def test_a_stale_pid_file_ends_nobody(tmp_path: Path) -> None:
    made = Lab(tmp_path / "stale")
    made.folder.make()
    made.folder.pid_file("slurmctld").write_text(f"{os.getppid()}\n")
    made.kill()
    assert Path(f"/proc/{os.getppid()}").exists()
    with pytest.raises(NoLabHere, match="there is no lab here"):
        Lab.of(tmp_path / "stale")
