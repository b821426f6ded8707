"""The lab is a real Slurm: what it promises is seen on its daemons."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.slurm_lab import OTHER_PROGRAMS, books, empty, saved, standing, state, submit
from tests.waiting import eventually

from dure.cli.slurm_lab import Lab, NoLabHere, Shape
from dure.cli.slurm_lab.ports import claimed

pytestmark = [pytest.mark.slurm, pytest.mark.any_slurm]

ONLY_ROOT = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root starts processes of other users"
)
SYSTEMS_OWN = pytest.mark.skipif(
    bool(OTHER_PROGRAMS), reason="the wrappers of another Slurm are root's, and start no node alone"
)


def test_the_nodes_are_idle_and_their_accelerators_are_counted(clean_slurm: Lab) -> None:
    assert set(clean_slurm.states().values()) == {"idle"}
    assert len(clean_slurm.states()) == 8
    job = submit(clean_slurm, "-N2", "--gres=gpu:8", run="true")
    eventually(lambda: state(clean_slurm, job) == "COMPLETED")

    def metered() -> bool:
        counted = {"gres/gpu=16", "gres/gpu:b200=16"}
        rows = books(clean_slurm, "State,AllocTRES", "-j", job)
        return any(said == "COMPLETED" and counted <= {*tres.split(",")} for said, tres in rows)

    eventually(metered)


def test_a_wide_job_asks_for_a_block_and_gets_one(clean_slurm: Lab) -> None:
    job = submit(clean_slurm, "-N4", "--gres=gpu:8", "--switches=1")
    eventually(lambda: state(clean_slurm, job) == "RUNNING")
    nodes = clean_slurm.run("squeue", "-h", "-j", job, "-o", "%N").strip()
    assert nodes in {"n[1-4]", "n[5-8]"}


def test_what_ran_on_a_node_that_dies_runs_again_elsewhere(clean_slurm: Lab) -> None:
    job = submit(clean_slurm, "--requeue", "--gres=gpu:1")

    def runs_at() -> str:
        return clean_slurm.run("squeue", "-h", "-j", job, "-t", "running", "-o", "%N").strip()

    eventually(runs_at)
    first = runs_at()
    clean_slurm.kill_node(first)
    clean_slurm.run("scontrol", "update", f"nodename={first}", "state=down", "reason=test")
    eventually(lambda: runs_at() not in {"", first})
    clean_slurm.run("scancel", job)
    clean_slurm.mend_nodes()
    assert clean_slurm.states()[first] == "idle"


def test_the_controller_comes_back_with_what_runs(clean_slurm: Lab) -> None:
    job = submit(clean_slurm, "--gres=gpu:1")
    eventually(lambda: state(clean_slurm, job) == "RUNNING")
    saved(clean_slurm)
    clean_slurm.kill_controller()
    assert not clean_slurm.is_up
    clean_slurm.start_controller()
    assert state(clean_slurm, job) == "RUNNING"


@ONLY_ROOT
@SYSTEMS_OWN
def test_another_user_of_this_machine_submits_and_the_job_is_that_users(clean_slurm: Lab) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        submit(clean_slurm, "--gres=gpu:1", user="nobody")
    assert "Invalid account" in refused.value.stderr
    clean_slurm.run("sacctmgr", "-i", "add", "account", "org-a")
    clean_slurm.run("sacctmgr", "-i", "add", "user", "nobody", "account=org-a")
    job = submit(clean_slurm, "--gres=gpu:1", user="nobody", run='test "$(id -un)" = nobody')
    eventually(lambda: state(clean_slurm, job) == "COMPLETED")


def test_what_a_test_made_is_gone_after_it(slurm_lab: Lab) -> None:
    slurm_lab.run("sacctmgr", "-i", "add", "account", "org-b")
    slurm_lab.run("sacctmgr", "-i", "add", "qos", "g-b")
    slurm_lab.run("sacctmgr", "-i", "add", "user", "games", "account=org-b", "qos=g-b")
    submit(slurm_lab, "--gres=gpu:1", run="trap '' TERM; sleep 60")
    slurm_lab.run("scontrol", "update", "nodename=n5", "state=drain", "reason=test")
    empty(slurm_lab)
    assert not slurm_lab.run("squeue", "-h")
    for kind, name, own in (
        ("account", "account", "root"), ("qos", "name", "normal"), ("user", "user", "root"),
    ):  # fmt: skip
        asked = ("sacctmgr", "-n", "-P", "list", kind, f"format={name}")
        assert set(slurm_lab.run(*asked).split()) == {own}
    assert set(slurm_lab.states().values()) == {"idle"}


def test_a_second_lab_with_other_accelerators_is_apart(slurm_lab: Lab) -> None:
    shape = Shape(
        nodes=3, accelerators=4, block_nodes=2,
        second_nodes=1, second_model="h200", second_partition="other",
    )  # fmt: skip
    with standing(shape) as other:
        assert other.states() == {"n1": "idle", "n2": "idle", "n3": "idle"}
        said = other.run("sinfo", "-h", "-N", "-o", "%N %P %G").split("\n")
        assert said[:3] == [
            "n1 main* gpu:b200:4", "n2 main* gpu:b200:4", "n3 other gpu:h200:4"
        ]  # fmt: skip
        other.kill()
        assert not other.is_up
        assert len(slurm_lab.states()) == 8
        assert slurm_lab.is_up


@SYSTEMS_OWN
def test_hundreds_of_nodes_sleep_until_a_job_lands_on_them() -> None:
    with standing(Shape(nodes=200, block_nodes=16, sleeping=True)) as lab:
        assert set(lab.states().values()) == {"idle~"}
        job = submit(lab, "-N2", "--gres=gpu:8", run="true")
        eventually(lambda: state(lab, job) == "CONFIGURING")


def test_a_lab_that_was_ended_goes_on_with_what_it_had(tmp_path: Path) -> None:
    shape = Shape(nodes=1, accelerators=2, block_nodes=1, programs=OTHER_PROGRAMS)
    made = Lab(tmp_path / "kept", shape)
    try:
        made.up()
        made.run("sacctmgr", "-i", "add", "account", "org-a")
    finally:
        made.kill()
    again = Lab.of(tmp_path / "kept")
    assert again.shape == made.shape
    try:
        again.up()
        assert "org-a" in again.run("sacctmgr", "-n", "-P", "list", "account", "format=account")
    finally:
        again.remove()
    assert not (tmp_path / "kept").exists()


def test_labs_that_start_at_once_choose_different_ports() -> None:
    with claimed(8) as first, claimed(300) as second, claimed(8) as third:
        taken = [
            {range_of.base, range_of.base + 1, *map(range_of.node, range(nodes))}
            for range_of, nodes in ((first, 8), (second, 300), (third, 8))
        ]
        assert len(set().union(*taken)) == sum(map(len, taken))


def test_a_stale_pid_file_ends_nobody(tmp_path: Path) -> None:
    made = Lab(tmp_path / "stale")
    made.folder.make()
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            made.folder.pid_file("slurmctld").write_text(f"{other.pid}\n")
            made.kill()
            with pytest.raises(subprocess.TimeoutExpired):
                other.wait(timeout=0.5)
        finally:
            other.kill()
    with pytest.raises(NoLabHere, match="there is no lab here"):
        Lab.of(tmp_path / "stale")
