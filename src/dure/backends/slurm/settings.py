"""What Slurm says about its own configuration, as facts.

- Pure: the texts of `scontrol`, `sinfo`, `sacctmgr` and `sdiag` in, facts out. Only text is read:
  it is the same from 22.05 on, while the JSON of these commands changes with every release.
- A key that Slurm does not print is empty, like one that it prints as (null).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from dure.backends.slurm.site import SlurmPool
from dure.vocabulary.frozen import Frozen

PING: Final = ("scontrol", "ping")
"""Answers at once, while the others try for 20 s to reach a controller that is away."""

CONFIG: Final = ("scontrol", "show", "config")
PARTITIONS: Final = ("scontrol", "-o", "-a", "show", "partition")
NODES: Final = ("sinfo", "-h", "-a", "-N", "-o", "%N|%R|%G")
TOPOLOGY: Final = ("scontrol", "show", "topology")
TRACKED: Final = ("sacctmgr", "-nP", "show", "tres", "format=type,name")
CLUSTERS: Final = ("sacctmgr", "-nP", "show", "cluster", "format=cluster,controlhost")
ADMINS: Final = ("sacctmgr", "-nP", "show", "user", "format=user,adminlevel")
QOS: Final = ("sacctmgr", "-nP", "show", "qos", "format=name,priority")
DIAGNOSIS: Final = ("sdiag",)

_UNSET: Final = frozenset({"(null)", "N/A", "NONE", "none", "(none)"})
_GRES: Final = re.compile(
    r"(?P<name>[^:,()]+)(?::(?P<type>[^:,()]+))??:(?P<count>\d+)(?:\([^)]*\))?(?:,|$)"
)


class Partition(Frozen):
    """One partition, by the words that `scontrol show partition` uses."""

    name: str
    said: dict[str, str]

    def word(self, key: str) -> str:
        """The value of a key, or nothing."""
        return _word(self.said.get(key, ""))


class Devices(Frozen):
    """What each of some nodes of a partition has; `type` is empty where Slurm names none."""

    partition: str
    name: str
    type: str
    of_each: int
    nodes: int


class Settings(Frozen):
    """Everything of the engine's configuration that Dure's promises rest on."""

    version: tuple[int, int]
    release: str
    cluster: str
    config: dict[str, str]
    partitions: tuple[Partition, ...]
    devices: tuple[Devices, ...]
    has_blocks: bool
    accounting_answers: bool
    tracked: tuple[str, ...] = ()
    registered: tuple[str, ...] = ()
    """The clusters whose controller slurmdbd knows."""
    admin_level: str = ""
    """Of the agent's user in Slurm: nothing, none, operator, administrator."""
    priorities: tuple[tuple[str, int], ...] = ()
    """QOS and its priority."""
    waiting_records: int = 0
    clock_s: int | None = None
    """The controller's clock when it was asked."""

    def word(self, key: str) -> str:
        """The value of a key of slurm.conf, or nothing."""
        return _word(self.config.get(key.lower(), ""))

    def words(self, key: str) -> tuple[str, ...]:
        """The values of a key that is a list."""
        return tuple(word.strip() for word in self.word(key).split(",") if word.strip())

    def option(self, key: str, name: str) -> str | None:
        """`value` of `name=value` in a list, nothing for a bare `name`, None where absent."""
        for word in self.words(key):
            found, _, value = word.partition("=")
            if found.lower() == name.lower():
                return value
        return None

    def partition(self, name: str) -> Partition | None:
        return next((one for one in self.partitions if one.name == name), None)

    def types(self, gres: str, partition: str | None = None) -> tuple[str, ...]:
        """The types of a resource in a partition or everywhere, the empty one for untyped."""
        found = (one for one in self.devices if one.name == gres)
        return tuple(sorted({one.type for one in found if partition in {None, one.partition}}))


def config(text: str) -> dict[str, str]:
    """`scontrol show config`: key (in lower case) -> value; later sections change nothing."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, sign, value = line.partition("=")
        if sign and " " not in key.strip():
            found.setdefault(key.strip().lower(), value.strip())
    return found


def version(release: str) -> tuple[int, int]:
    """(22, 5) of 22.05.8; (0, 0) where it cannot be read."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def partitions(text: str) -> tuple[Partition, ...]:
    """`scontrol -o show partition`: one line each."""
    return tuple(
        Partition(name=said["PartitionName"], said=said)
        for said in map(_pairs, text.splitlines())
        if "PartitionName" in said
    )


def devices(text: str) -> tuple[Devices, ...]:
    """The `NODES` question: what the nodes of each partition have, equal ones together."""
    counted: dict[tuple[str, str, str, int], int] = {}
    for line in text.splitlines():
        _, partition, gres = line.split("|", 2)
        for one in gres_of(gres):
            counted[partition, *one] = counted.get((partition, *one), 0) + 1
    return tuple(
        Devices(partition=partition, name=name, type=kind, of_each=of_each, nodes=nodes)
        for (partition, name, kind, of_each), nodes in sorted(counted.items())
    )


def standing_of(pool: SlurmPool, devices: Iterable[Devices]) -> int:
    """How many of a pool's accelerators stand in its partition."""
    return sum(
        one.nodes * one.of_each
        for one in devices
        if (one.partition, one.name) == (pool.partition, pool.gres)
        and pool.type in {None, one.type}
    )


def gres_of(text: str) -> Iterator[tuple[str, str, int]]:
    """`gpu:b200:8(S:0-1),npu:4`: name, type or nothing, count."""
    return ((one["name"], one["type"] or "", int(one["count"])) for one in _GRES.finditer(text))


def has_blocks(text: str) -> bool:
    """Whether the topology groups nodes: leaf switches, or blocks."""
    return bool(re.search(r"(?:SwitchName=\S+ Level=0|BlockName=)\S*", text))


def tracked(text: str) -> tuple[str, ...]:
    """What slurmdbd counts: cpu, gres/gpu, gres/gpu:b200, …"""
    return tuple("/".join(part for part in line.split("|") if part) for line in text.splitlines())


def registered(text: str) -> tuple[str, ...]:
    """The clusters with a controller."""
    return tuple(line.split("|")[0] for line in text.splitlines() if line.partition("|")[2])


def admin_level(text: str, user: str) -> str:
    """Of a user, in lower case."""
    levels = (line.split("|") for line in text.splitlines())
    return next((level.lower() for name, level, *_ in levels if name == user), "")


def priorities(text: str) -> tuple[tuple[str, int], ...]:
    return tuple((name, int(rank or 0)) for name, _, rank in _parted(text))


def waiting_records(text: str) -> int:
    """What slurmctld has not handed to slurmdbd yet."""
    found = re.search(r"DBD Agent queue size:\s*(\d+)", text)
    return int(found[1]) if found else 0


def clock_s(text: str) -> int | None:
    """The controller's clock, seconds since 1970."""
    found = re.search(r"sdiag output at .*\((\d+)\)", text)
    return int(found[1]) if found else None


def seconds(text: str) -> int | None:
    """`30 sec`, `00:02:00`, `7-00:00:00`, `90`; None for UNLIMITED, NONE and what is no time."""
    if found := re.fullmatch(r"(\d+)(?: sec)?", text.strip()):
        return int(found[1])
    found = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text.strip())
    if found is None:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _parted(text: str) -> Iterator[tuple[str, str, str]]:
    return (line.partition("|") for line in text.splitlines() if "|" in line)


def _pairs(line: str) -> dict[str, str]:
    words = (word.partition("=") for word in line.split())
    return {key: value for key, sign, value in words if sign}


def _word(said: str) -> str:
    return "" if said in _UNSET else said
