"""What of the partitions, nodes and time limits of a site's pools falls short: see `shortfalls`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from dure.backends.slurm.findings import Asked, fine, line, note, problem
from dure.backends.slurm.settings import Partition, Settings, seconds, standing_of
from dure.backends.slurm.site import SlurmPool
from dure.protocol import SiteFinding

BACKFILL_MIN: Final = 1440
"""Slurm's default of bf_window: a day."""


def pools(found: Settings, asked: Asked) -> Iterator[SiteFinding]:
    for pool in asked.site.pools:
        partition = found.partition(pool.partition)
        about = f"PartitionName={pool.partition}"
        if partition is None:
            known = ", ".join(one.name for one in found.partitions)
            change = f"site.yaml: partition: one of {known}"
            yield problem(
                about, known, "slurm.no_partition", change,
                partition=pool.partition, pool=pool.pool,
            )  # fmt: skip
            continue
        shortfalls = [
            *_devices(found, pool),
            *_partition(partition),
            *_time_limits(found, partition),
        ]
        yield from shortfalls or [fine(about, f"{pool.accelerators} x {pool.tres}")]


def _devices(found: Settings, pool: SlurmPool) -> Iterator[SiteFinding]:
    about, name = f"PartitionName={pool.partition}", pool.partition
    here = [d for d in found.devices if d.partition == name and d.name == pool.gres]
    types = found.types(pool.gres, name)
    said = ", ".join(f"{d.nodes} x {d.name}:{d.type}:{d.of_each}" for d in here)
    count = standing_of(pool, here)
    if not count:
        gres = pool.gres if pool.type is None else f"{pool.gres}:{pool.type}"
        change = f"NodeName=… Gres={gres}:8"
        yield problem(about, said, "slurm.no_accelerators", change, partition=name, gres=gres)
    elif count < pool.accelerators:
        given = pool.accelerators
        change = f"site.yaml: accelerators: {count}"
        yield problem(
            about, said, "slurm.fewer_accelerators", change,
            partition=name, found=count, given=given,
        )  # fmt: skip
        if found.word("SuspendProgram") and "cloud" not in found.words("PrivateData"):
            change = line("PrivateData", found.words("PrivateData"), ("cloud",))
            yield note("PrivateData", found.word("PrivateData"), "slurm.nodes_hidden", change)
    elif count > pool.accelerators:
        yield _part(pool, said, count)
    if pool.type is None and len(types) > 1:
        change = "site.yaml: a pool of its own for each type, each with its type"
        kinds = ", ".join(kind or "untyped" for kind in types)
        yield problem(
            about, said, "slurm.several_types", change,
            partition=name, types=kinds, pool=pool.pool,
        )  # fmt: skip


def _part(pool: SlurmPool, said: str, count: int) -> SiteFinding:
    """Lent work has a limit at the part, each allocation its own; both together have none."""
    name, given = pool.partition, pool.accelerators
    change = (
        f"PartitionName={name} Nodes=<nodes with {given} accelerators>, "
        f"or site.yaml: accelerators: {count}"
    )
    return problem(
        f"PartitionName={name}", said, "slurm.part_of_partition", change,
        partition=name, found=count, given=given, both=min(count, 2 * given),
    )  # fmt: skip


def _partition(partition: Partition) -> Iterator[SiteFinding]:
    name = partition.name
    about = f"PartitionName={name}"
    for key in ("AllowAccounts", "AllowQos", "DenyAccounts", "DenyQos"):
        said = partition.word(key)
        if said not in {"", "ALL"}:
            change = f"PartitionName={name} … {key}=ALL" if key.startswith("Allow") else (
                f"PartitionName={name} … without {key}"
            )  # fmt: skip
            code = "slurm.partition_closed"
            yield problem(about, f"{key}={said}", code, change, partition=name)
    state = partition.word("State")
    if state != "UP":
        change = f"scontrol update PartitionName={name} State=UP"
        said = f"State={state}"
        yield problem(about, said, "slurm.partition_down", change, partition=name, state=state)
    if qos := partition.word("QoS"):
        yield note(about, f"QoS={qos}", "slurm.partition_qos", qos=qos)
    if partition.word("OverSubscribe") == "EXCLUSIVE":
        yield note(about, "OverSubscribe=EXCLUSIVE", "slurm.whole_nodes")


def _time_limits(found: Settings, partition: Partition) -> Iterator[SiteFinding]:
    longest, usual = seconds(partition.word("MaxTime")), seconds(partition.word("DefaultTime"))
    about = f"PartitionName={partition.name}"
    if longest is None and usual is None:
        change = f"PartitionName={partition.name} … DefaultTime=01:00:00 MaxTime=7-00:00:00"
        said = f"DefaultTime={partition.said.get('DefaultTime', 'NONE')}"
        yield note(about, said, "slurm.no_time_limit", change)
    window = int(found.option("SchedulerParameters", "bf_window") or BACKFILL_MIN)
    if longest is not None and longest > window * 60:
        key = "SchedulerParameters"
        kept = [word for word in found.words(key) if not word.startswith("bf_window=")]
        change = line(key, kept, (f"bf_window={math.ceil(longest / 60)}",))
        hours = {"found": window // 60, "longest": math.ceil(longest / 3600)}
        yield note(key, f"bf_window={window}", "slurm.short_sight", change, **hours)
