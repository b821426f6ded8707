"""A cluster is proposed as pools: every accelerator once, under names an operator recognises."""

from __future__ import annotations

from dure.backends.slurm import settings
from dure.backends.slurm.discovery import Proposal, proposed
from dure.backends.slurm.settings import Settings
from dure.backends.slurm.site import SlurmSite


def offered(partitions: str, nodes: str) -> Proposal:
    found = Settings(
        version=(22, 5),
        release="22.05.8",
        cluster="here",
        config={},
        partitions=settings.partitions(partitions),
        devices=settings.devices(nodes),
        has_blocks=False,
        accounting_answers=True,
    )
    return proposed(found, nodes)


def pools(made: Proposal) -> list[tuple[str, str, str, int, int, str | None]]:
    return [(p.pool, p.model, p.partition, p.accelerators, p.per_node, p.type) for p in made.pools]


def test_one_partition_of_one_model_is_one_pool_without_a_type() -> None:
    nodes = "".join(f"n{n}|main|gpu:b200:8(S:0-1)\n" for n in range(4))
    made = offered("PartitionName=main Default=YES", nodes)
    assert pools(made) == [("main", "B200", "main", 32, 8, None)]
    assert made.remarks == ()


def test_several_models_in_a_partition_are_several_pools_with_their_types() -> None:
    made = offered("PartitionName=main Default=YES", "n1|main|gpu:b200:8\nn2|main|gpu:a100:4\n")
    assert pools(made) == [
        ("main-a100", "A100", "main", 4, 4, "a100"),
        ("main-b200", "B200", "main", 8, 8, "b200"),
    ]
    assert [pool.suffix for pool in made.pools] == ["", "main-b200"]
    SlurmSite(cluster="here", pools=made.pools)


def test_no_node_is_offered_twice_and_the_default_partition_goes_first() -> None:
    partitions = "PartitionName=all Default=NO\nPartitionName=gpu Default=YES\n"
    nodes = "n1|all|gpu:8\nn1|gpu|gpu:8\nn2|all|gpu:8\nn2|gpu|gpu:8\nn3|all|(null)\n"
    made = offered(partitions, nodes)
    assert pools(made) == [("gpu", "GPU", "gpu", 16, 8, None)]
    assert made.remarks == ("partition all shares 2 nodes with those above; left out",)


def test_a_partition_without_accelerators_is_named() -> None:
    made = offered("PartitionName=cpu Default=YES", "n1|cpu|(null)\n")
    assert made.pools == ()
    assert made.remarks == ("partition cpu has no accelerators; left out",)


def test_other_devices_than_gpus_are_offered_too() -> None:
    made = offered("PartitionName=npu Default=YES", "n1|npu|npu:atom:16\n")
    assert pools(made) == [("npu", "ATOM", "npu", 16, 16, None)]
    assert made.pools[0].tres == "gres/npu"


def test_the_processors_of_a_node_go_with_its_accelerators_where_all_nodes_are_alike() -> None:
    said = "PartitionName=main Default=YES TotalCPUs=256 TotalNodes=2"
    alike = offered(said, "n1|main|gpu:8\nn2|main|gpu:8\n")
    mixed = offered(said, "n1|main|gpu:8\nn2|main|(null)\n")
    two_models = offered(said, "n1|main|gpu:b200:8\nn2|main|gpu:a100:8\n")
    assert [pool.cpus for pool in alike.pools] == [128]
    assert [pool.cpus for pool in mixed.pools] == [None]
    assert [pool.cpus for pool in two_models.pools] == [None, None]
