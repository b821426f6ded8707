"""An operator looks at a real Slurm cluster: it is discovered, described and doctored."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.slurm_lab import standing
from typer.testing import CliRunner, Result

from dure.cli.agent_commands import app
from dure.cli.slurm_lab import Lab, Shape

pytestmark = pytest.mark.slurm

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
def lab() -> Iterator[Lab]:
    with standing(Shape(nodes=2, accelerators=4, block_nodes=2)) as made:
        yield made


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
