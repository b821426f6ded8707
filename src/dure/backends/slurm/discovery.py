"""What a Slurm cluster has to offer, as a proposal of its site description.

- Pure. A pool is the accelerators of one type in one partition; ids and models of the programme
  are the operator's to name, so the partition's and the type's own names stand there first.
- No accelerator is offered twice: of partitions that share nodes the default one counts, then the
  one with the most nodes; the others are named in the remarks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from dure.backends.slurm.settings import Settings, gres_of
from dure.backends.slurm.site import SlurmPool
from dure.vocabulary.frozen import Frozen

_SUFFIX: Final = 21


class Proposal(Frozen):
    """The pools that are offered, and what an operator should know of what is not."""

    pools: tuple[SlurmPool, ...]
    remarks: tuple[str, ...] = ()


def proposed(found: Settings, nodes: str) -> Proposal:
    """From the answers to `settings.ask` and to the `settings.NODES` question."""
    seats = _seats(nodes)
    taken: set[str] = set()
    pools: list[SlurmPool] = []
    remarks: list[str] = []
    for partition in sorted(seats, key=lambda name: _precedence(name, found, seats)):
        shared = taken & seats[partition].keys()
        if shared:
            remarks.append(
                f"partition {partition} shares {len(shared)} nodes with those above; left out"
            )
            continue
        here = list(_pools(partition, seats[partition], found))
        if not here:
            remarks.append(f"partition {partition} has no accelerators; left out")
            continue
        taken |= seats[partition].keys()
        pools += here
    several = [pool.model_copy(update={"suffix": _suffix(pool, n)}) for n, pool in enumerate(pools)]
    return Proposal(pools=tuple(several), remarks=tuple(remarks))


def _pools(partition: str, nodes: dict[str, str], found: Settings) -> Iterator[SlurmPool]:
    of_each: dict[tuple[str, str], list[int]] = {}
    for gres in nodes.values():
        for name, kind, count in gres_of(gres):
            of_each.setdefault((name, kind), []).append(count)
    for (name, kind), counts in sorted(of_each.items()):
        several = len(found.types(name)) > 1
        yield SlurmPool(
            pool=f"{partition}-{kind}" if several and kind else partition,
            model=kind.upper() or name.upper(),
            partition=partition,
            accelerators=sum(counts),
            per_node=Counter(counts).most_common(1)[0][0],
            gres=name,
            type=kind if several and kind else None,
            cpus=_processors(partition, nodes, found) if len(of_each) == 1 else None,
        )


def _processors(partition: str, nodes: dict[str, str], found: Settings) -> int | None:
    """Of one node; where all nodes of the partition have accelerators, else it is not known."""
    said = found.partition(partition)
    total, count = (said.word("TotalCPUs"), said.word("TotalNodes")) if said else ("", "")
    holding = sum(1 for gres in nodes.values() if any(gres_of(gres)))
    if not total.isdigit() or count != str(holding):
        return None
    return int(total) // holding or None


def _seats(nodes: str) -> dict[str, dict[str, str]]:
    """Partition -> node -> Gres."""
    seats: dict[str, dict[str, str]] = {}
    for line in nodes.splitlines():
        node, partition, gres = line.split("|", 2)
        seats.setdefault(partition, {})[node] = gres
    return seats


def _precedence(
    name: str, found: Settings, seats: dict[str, dict[str, str]]
) -> tuple[bool, int, str]:
    partition = found.partition(name)
    is_default = partition is not None and partition.word("Default") == "YES"
    return not is_default, -len(seats[name]), name


def _suffix(pool: SlurmPool, number: int) -> str:
    """The first pool's names need none."""
    return re.sub(r"[^a-z0-9_-]+", "-", pool.pool.lower()).strip("-_")[:_SUFFIX] if number else ""
