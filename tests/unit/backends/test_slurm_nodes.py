"""Nodes as slurmctld shows them and as slurmdbd remembers them; texts recorded from 22.05.8."""

from __future__ import annotations

import pytest
from tests.unit.backends.test_slurm_counting import live, run

from dure.backends.slurm import nodes
from dure.backends.slurm.counting import Books, UnreadableAccounting
from dure.backends.slurm.held import Held, Named
from dure.backends.slurm.hostlist import expand
from dure.backends.slurm.nodes import Event
from dure.backends.slurm.site import SlurmPool, SlurmSite

SITE = SlurmSite(
    cluster="lab", pools=(SlurmPool(pool="big", model="B200", partition="main", accelerators=64),)
)


def line(name: str, state: str, *, partition: str = "main", reason: str = "") -> str:
    said = f" Reason={reason}" if reason else ""
    return (
        f"NodeName={name} Arch=x86_64 CPUTot=8 Gres=gpu:b200:8 NodeHostName=vm Version=22.05.8 "
        f"OS=Linux 6.1 #1 SMP @0  RealMemory=100000 State={state} ThreadsPerCore=1 "
        f"Partitions={partition}  BootTime=1795304766 SlurmdStartTime=1795353235 "
        "CfgTRES=cpu=8,mem=100000M,billing=8,gres/gpu=8,gres/gpu:b200=8 AllocTRES= "
        f"CapWatts=n/a ExtSensorsTemp=n/s{said}\n"
    )


@pytest.mark.parametrize(
    ("state", "said", "in_service"),
    [
        ("IDLE", "up", True),
        ("ALLOCATED", "up", True),
        ("MIXED+PLANNED", "up", True),
        ("IDLE+CLOUD+POWERED_DOWN", "up", True),
        ("IDLE*", "unknown", True),
        ("UNKNOWN", "unknown", True),
        ("MIXED+DRAIN", "draining", True),
        ("IDLE+DRAIN", "draining", False),
        ("IDLE+FAIL", "draining", False),
        ("DOWN", "down", False),
        ("DOWN*+DRAIN", "down", False),
        ("DOWN+NOT_RESPONDING", "down", False),
        ("DOWN+CLOUD+POWERED_DOWN", "down", False),
    ],
)
def test_a_state_of_slurm_is_one_of_four(state: str, said: str, in_service: bool) -> None:  # noqa: FBT001  # a table
    (node,) = nodes.nodes(line("n1", state))
    assert (node.state, node.in_service) == (said, in_service)


def test_health_has_the_reason_its_time_and_the_block() -> None:
    text = line("n2", "IDLE+DRAIN", reason="bad | fan [x] State=IDLE [root@1795353330]")
    topology = (
        "SwitchName=spine Level=1 LinkSpeed=1 Nodes=n[1-8] Switches=block[1-2]\n"
        "SwitchName=block1 Level=0 LinkSpeed=1 Nodes=n1,n2,n3,n4\n"
    )
    blocks = nodes.blocks(topology)
    (sick, well) = nodes.health(
        nodes.nodes(text + line("n7", "IDLE") + line("c1", "IDLE", partition="cpu")),
        blocks_of=blocks,
        site=SITE,
    )
    assert (sick.node, sick.state, sick.block) == ("n2", "draining", "block1")
    assert sick.reason == "bad | fan [x] State=IDLE"
    assert sick.since is not None
    assert sick.since.timestamp() == 1795353330
    assert (well.block, well.accelerators, well.since) == ("spine", 8, None)


def test_the_block_plugin_says_blocks_by_another_word() -> None:
    text = "BlockName=b1 BlockIndex=0 Nodes=n[01-04] BlockSize=4\n"
    assert nodes.blocks(text) == {"n01": "b1", "n02": "b1", "n03": "b1", "n04": "b1"}


def test_the_inventory_counts_what_is_there_down_and_held() -> None:
    held = Held(
        qos={"g-a": Named(project="x", pool="big", allocation="a")},
        accounts={"p-x": Named(project="x"), "l-x": Named(project="x", pool="big")},
    )
    queue = [
        live("1", account="p-x", qos="g-a"),
        live("2", account="l-x", qos="lent"),
        live("3", account="l-x", qos="lent", end_s=9),
        live("4", account="physics", qos="normal"),
    ]
    text = line("n1", "MIXED") + line("n2", "DOWN") + line("n3", "FUTURE")
    (pool,) = nodes.inventory(nodes.nodes(text), queue=queue, books=Books(SITE, held), site=SITE)
    assert (pool.nodes, pool.accelerators, pool.nodes_down) == (2, 16, 1)
    assert (pool.owner_accelerators, pool.lent_accelerators) == (8, 8)


def test_events_keep_a_persons_words_whatever_they_hold() -> None:
    text = (
        "n7|1795353330|1795353332|DOWN|root(0)|power\n"
        "n8|1795353330|Unknown|DRAIN|kim(1001)|bad | fan\nand more\n"
        "n9|1795353330|Unknown|IDLE~|root(0)|asleep\n"
        "|1795353235|Unknown|||Cluster Registered TRES\n"
    )
    assert [(e.node, e.end_s, e.reason) for e in nodes.events(text)] == [
        ("n7", 1795353332, "power"),
        ("n8", None, "bad | fan and more (by kim)"),
    ]
    with pytest.raises(UnreadableAccounting):
        nodes.events("sacctmgr: error\n")


def test_a_drained_node_is_down_only_when_nothing_runs_there_any_more() -> None:
    drained = Event(node="n1", start_s=100, end_s=None, state="DRAIN", reason="fan")
    found = nodes.outages(
        [drained],
        known=nodes.nodes(line("n1", "IDLE+DRAIN")),
        ran=[run(start_s=90, end_s=130, nodes="n[1-2]")],
        site=SITE,
    )
    assert [(o.start_s, o.end_s, o.accelerators) for o in found] == [(130, None, 8)]
    records, opens = nodes.downtime(found, every_s=20, settled_s=165)
    assert [(r.start.timestamp(), r.end.timestamp()) for r in records] == [(130, 140), (140, 160)]
    assert opens == [160]


@pytest.mark.parametrize(
    ("short", "names"),
    [
        ("n1", ["n1"]),
        ("n[1-3,8],login", ["n1", "n2", "n3", "n8", "login"]),
        ("n[08-10]", ["n08", "n09", "n10"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("None assigned", []),
        ("(null)", []),
        ("", []),
    ],
)
def test_short_forms_of_node_names(short: str, names: list[str]) -> None:
    assert list(expand(short)) == names
