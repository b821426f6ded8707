"""An operator looks at a real Slurm cluster: it is discovered, described and doctored."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from tests.bindings import binding, members, share
from tests.slurm_lab import empty, standing, state, submit
from tests.unit.agent.site_hub import CLUSTER, ONE_TIME, on_loopback
from tests.waiting import eventually
from typer.testing import CliRunner, Result

from dure.cli.agent_commands import app
from dure.cli.slurm_lab import Lab, Shape
from dure.protocol import Desired

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(os.geteuid() != 0, reason="the member of its projects is root"),
]

SPOILED = {
    "AccountingStorageEnforce": "associations",
    "AccountingStorageTRES": "gres/gpu:b200",
    "PreemptType": "preempt/none",
    "PreemptMode": "OFF",
    "JobRequeue": "0",
    "KillWait": "5",
    "PriorityWeightQOS": "0",
}


@pytest.fixture(scope="module")
def one_lab() -> Iterator[Lab]:
    with standing(Shape(nodes=2, accelerators=4, block_nodes=2)) as made:
        yield made


@pytest.fixture
def lab(one_lab: Lab) -> Iterator[Lab]:
    yield one_lab
    empty(one_lab)


def dure(*words: str, lab: Lab, code: int = 0) -> Result:
    where = {"SLURM_CONF": str(lab.folder.slurm_conf)}
    result = CliRunner().invoke(app, [*words], env=where)
    assert result.exit_code == code, f"{result.output} {result.exception!r}"
    return result


def test_a_cluster_is_discovered_and_its_description_written_once(lab: Lab, tmp_path: Path) -> None:
    offered = yaml.safe_load(dure("discover", lab=lab).stdout)
    assert offered["cluster"] == lab.shape.cluster
    (pool,) = offered["pools"]
    assert (pool["partition"], pool["accelerators"], pool["per_node"]) == ("main", 8, 4)
    written = ["discover", "--state", str(tmp_path), "--write"]
    assert "say one of main" in dure(*written, "--pool", "gpu=pool-1:B200", lab=lab, code=2).output
    assert "next: dure agent doctor" in dure(
        *written, "--pool", "main=pool-1:B200", lab=lab
    ).output  # fmt: skip
    site = yaml.safe_load((tmp_path / "site.yaml").read_text())
    assert [(p["pool"], p["model"]) for p in site["pools"]] == [("pool-1", "B200")]
    assert "already there" in dure(*written, lab=lab, code=2).output


def test_the_doctor_is_content_with_the_lab_and_names_what_is_spoiled(
    lab: Lab, tmp_path: Path
) -> None:
    state = ["--state", str(tmp_path)]
    dure("discover", "--write", *state, lab=lab)
    content = json.loads(dure("doctor", "--json", *state, lab=lab).output)
    assert [f["about"] for f in content["findings"] if f["level"] == "problem"] == []
    assert content["capabilities"]["enforces_limits"] is True
    whole = lab.folder.slurm_conf.read_text()
    for key, value in SPOILED.items():
        spoiled = re.sub(rf"(?m)^{key}=.*$", f"{key}={value}", lab.folder.slurm_conf.read_text())
        lab.folder.slurm_conf.write_text(spoiled)
    lab.kill_controller()
    try:
        lab.start_controller()
        found = json.loads(dure("doctor", "--json", *state, lab=lab, code=1).output)
        printed = dure("doctor", *state, lab=lab, code=1).output
    finally:
        lab.folder.slurm_conf.write_text(whole)
        lab.kill_controller()
        lab.start_controller()
    problems = {f["about"]: f["change"] for f in found["findings"] if f["level"] == "problem"}
    assert problems.keys() == SPOILED.keys()
    assert problems["AccountingStorageTRES"] == "AccountingStorageTRES=gres/gpu:b200,gres/gpu"
    assert "change: PreemptType=preempt/qos" in printed
    can = found["capabilities"]
    assert (can["enforces_limits"], can["preempts_lent"], can["grace_s"]) == (False, False, 5)


def test_a_cluster_that_does_not_answer_is_one_sentence(lab: Lab, tmp_path: Path) -> None:
    dure("discover", "--write", "--state", str(tmp_path), lab=lab)
    lab.kill_controller()
    try:
        output = dure("doctor", "--state", str(tmp_path), lab=lab, code=1).output
    finally:
        lab.start_controller()
    assert re.search(r"problem +slurmctld: .* is DOWN", output)
    assert "Traceback" not in output


def wanted() -> Desired:
    """Half of the lab to one project, all of it lent to another; both have the user root."""
    root = members("root")
    now = datetime.now(UTC).replace(microsecond=0)
    owned = binding("A-1", 4, now=now, project="own", pool="pool-1", members=root)
    lent = share("guest", 8, pool="pool-1", members=root)
    return Desired(cluster=CLUSTER, revision=4, bindings=(owned,), lent=(lent,))


def listed(lab: Lab) -> str:
    """Everything of the accounting, as Slurm prints it."""
    asked = {
        "qos": "name,description,priority,grptres,flags,preempt",
        "account": "account,description,organization",
        "user": "user,defaultaccount,adminlevel",
        "assoc": "cluster,account,user,partition,qos,defaultqos,grptres,parentname",
    }
    return "\n".join(
        lab.run("sacctmgr", "-nP", "show", kind, f"format={fields}")
        for kind, fields in asked.items()
    )


def test_a_cluster_in_use_is_bound_and_left_without_a_trace(lab: Lab, tmp_path: Path) -> None:
    for command in (
        ("add", "account", "chem", "Description=chemists", "Organization=uni"),
        ("add", "qos", "g-urgent", "set", "Priority=50", "GrpTRES=gres/gpu=2"),
        ("add", "user", "root", "account=chem"),
        ("modify", "user", "where", "name=root", "account=chem", "set", "qos=normal,g-urgent"),
    ):
        lab.run("sacctmgr", "-i", *command)
    own = submit(lab, "-A", "chem", "-q", "g-urgent", "--gres=gpu:1", run="sleep 600")
    eventually(lambda: state(lab, own) == "RUNNING")
    before = listed(lab)
    folder = ["--state", str(tmp_path)]
    with on_loopback() as (portal, address):
        pool = ["--partition", "main", "--pool", "pool-1", "--model", "B200"]
        dure("enrol", "--hub", address, "--token", ONE_TIME, *pool, *folder, lab=lab)
        portal.want(wanted())
        plan = dure("plan", *folder, lab=lab).output
        assert "allocation A-1 on pool-1: nothing -> accelerators: 4, active" in plan
        commands = dure("plan", "--commands", *folder, lab=lab).output
        assert re.search(r"sacctmgr -i add qos g-a-1\S* set .*GrpTRES=cpu=8,gres/gpu=4", commands)
        assert listed(lab) == before  # so far nothing was changed
        dure("run", "--once", *folder, lab=lab)
        assert listed(lab) != before
        assert "nothing to change" in dure("plan", *folder, lab=lab).output
        ours = submit(lab, "-A", "p-own", "--gres=gpu:1", run="sleep 600")
        eventually(lambda: state(lab, ours) == "RUNNING")
        look = dure("leave", *folder, lab=lab).output
        assert f"jobs in the way: {ours}" in look
        assert "nothing was changed" in look
        assert "--cancel-jobs" in dure("leave", "--yes", *folder, lab=lab, code=1).output
        left = dure("leave", "--yes", "--cancel-jobs", *folder, lab=lab).output
        assert "nothing of Dure is left in Slurm" in left
        assert {record[0] for record in portal.usage()} == {ours}
    assert listed(lab) == before
    assert state(lab, own) == "RUNNING"
