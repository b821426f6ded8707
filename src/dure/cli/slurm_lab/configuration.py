"""The configuration files of a lab, as texts.

- slurm.conf enforces what Dure relies on: associations, limits, QOS, `safe`; preemption by QOS with
  requeue; accelerators tracked with and without their model.
- An unknown key is fatal to every client of Slurm, so only keys of 22.05 and later stand here, and
  what a later version calls otherwise is written as that version calls it.
- Of lent jobs the youngest are taken back first.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from dure.cli.slurm_lab.ports import Ports
from dure.cli.slurm_lab.shape import Folder, Shape

_CGROUPS_MAY_BE_OFF: Final = (24, 5)
"""From here on Slurm knows `disabled`; before, v1 is inert where no cgroup is asked for."""

_PREEMPTION_HAS_ITS_OWN_KEY: Final = (23, 2)
"""From here on PreemptParameters; before, the same words begin with preempt_ among the
scheduler's, and the new key is fatal."""


def slurm_conf(
    shape: Shape,
    folder: Folder,
    ports: Ports,
    *,
    user: str,
    host: str,
    version: tuple[int, int],
    submit_script: bool,
) -> str:
    """slurm.conf; `host` is this machine's short name, which every node bears too."""
    root = folder.root
    lines = [
        f"ClusterName={shape.cluster}",
        f"SlurmctldHost={host}(127.0.0.1)",
        f"SlurmctldPort={ports.controller}",
        f"SlurmUser={user}",
        f"SlurmdUser={user}",
        "AuthType=auth/munge",
        f"AuthInfo=socket={folder.munge_socket},cred_expire={shape.requeue_s}",
        f"SlurmctldPidFile={folder.pid_file('slurmctld')}",
        f"SlurmdPidFile={root}/run/slurmd-%n.pid",
        f"SlurmctldLogFile={folder.log('slurmctld')}",
        f"SlurmdLogFile={root}/log/slurmd-%n.log",
        f"StateSaveLocation={root}/state",
        f"SlurmdSpoolDir={root}/spool/%n",
        "SlurmctldDebug=info",
        "SlurmdDebug=info",
        "SwitchType=switch/none",
        "MpiDefault=none",
        "ProctrackType=proctrack/linuxproc",
        "TaskPlugin=task/none",
        "JobAcctGatherType=jobacct_gather/none",
        "SlurmdParameters=config_overrides",
        "ReturnToService=2",
        "SlurmdTimeout=20",
        "InactiveLimit=0",
        f"KillWait={shape.kill_wait_s}",
        "MinJobAge=300",
        "MessageTimeout=20",
        "TCPTimeout=5",
        "SchedulerType=sched/backfill",
        *_scheduling(version),
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_CPU",
        "PriorityType=priority/multifactor",
        "PriorityWeightQOS=100000",
        "PriorityWeightAssoc=10000",
        "PreemptType=preempt/qos",
        "PreemptMode=REQUEUE",
        "JobRequeue=1",
        "TopologyPlugin=topology/tree",
        "GresTypes=gpu",
        "AccountingStorageType=accounting_storage/slurmdbd",
        "AccountingStorageHost=127.0.0.1",
        f"AccountingStoragePort={ports.database}",
        f"AccountingStoragePass={folder.munge_socket}",
        "AccountingStorageEnforce=associations,limits,qos,safe",
        f"AccountingStorageTRES={','.join(_tracked(shape))}",
        *(["JobSubmitPlugins=lua"] if submit_script else ()),
        *(_power_saving(folder) if shape.sleeping else ()),
        *shape.extra,
        *_nodes(shape, ports, host),
        *_partitions(shape),
    ]
    return "\n".join(lines) + "\n"


def _scheduling(version: tuple[int, int]) -> tuple[str, ...]:
    parameters = "sched_interval=2,bf_interval=2,sched_min_interval=0,batch_sched_delay=0"
    if version >= _PREEMPTION_HAS_ITS_OWN_KEY:
        return (f"SchedulerParameters={parameters}", "PreemptParameters=youngest_first")
    return (f"SchedulerParameters={parameters},preempt_youngest_first",)


def _tracked(shape: Shape) -> tuple[str, ...]:
    """Without the models' own, a job's accelerators would be counted without their model."""
    return ("gres/gpu", *(f"gres/gpu:{model}" for model in shape.models))


def _nodes(shape: Shape, ports: Ports, host: str) -> Iterator[str]:
    state = "CLOUD" if shape.sleeping else "UNKNOWN"
    yield f"NodeName=DEFAULT CPUs={shape.cpus} RealMemory=100000 State={state}"
    for group in shape.groups:
        yield (
            f"NodeName={group.names} Gres=gpu:{group.model}:{shape.accelerators}"
            f" NodeHostname={host} NodeAddr=127.0.0.1"
            f" Port=[{ports.node(group.first - 1)}-{ports.node(group.last - 1)}]"
        )


def _partitions(shape: Shape) -> Iterator[str]:
    for number, (name, nodes) in enumerate(shape.partitions):
        default = "NO" if number else "YES"
        yield (
            f"PartitionName={name} Nodes={nodes} Default={default}"
            " MaxTime=INFINITE DefaultTime=60 State=UP"
        )


def _power_saving(folder: Folder) -> tuple[str, ...]:
    return (
        f"ResumeProgram={folder.root}/bin/resume",
        f"SuspendProgram={folder.root}/bin/suspend",
        "SuspendTime=60",
        "ResumeTimeout=60",
        "SuspendTimeout=5",
        "ResumeRate=0",
        "SuspendRate=0",
        "SlurmctldParameters=idle_on_node_suspend,cloud_dns",
        "PrivateData=cloud",
        "TreeWidth=65533",
    )


def resume_program(folder: Folder, slurmd: Sequence[str]) -> str:
    """Starts the real daemon of each node that a job lands on; `-b`: it has just booted."""
    start = f"{shlex.join(slurmd)} -b -N $n </dev/null >/dev/null 2>&1"
    return _for_each_node(folder, f"mkdir -p {folder.root}/spool/$n; {start}")


def suspend_program(folder: Folder) -> str:
    """Ends it; SIGTERM is blocked in what slurmctld starts."""
    pid = f"{folder.root}/run/slurmd-$n.pid"
    return _for_each_node(folder, f"[ -s {pid} ] && kill -KILL $(cat {pid}); rm -f {pid}")


def _for_each_node(folder: Folder, act: str) -> str:
    return (
        "#!/bin/bash\n"
        f"export SLURM_CONF={folder.slurm_conf}\n"
        f'for n in $(scontrol show hostnames "$1"); do {act}; done\n'
    )


def topology_conf(shape: Shape) -> str:
    """One leaf switch a block, and one above them all."""
    leaves = [
        f"SwitchName=block{number} Nodes={','.join(nodes)}"
        for number, nodes in enumerate(shape.blocks, start=1)
    ]
    top = f"SwitchName=spine Switches=block[1-{len(leaves)}]"
    return "\n".join([*leaves, top]) + "\n"


def gres_conf(shape: Shape, folder: Folder) -> str:
    """Each accelerator is a path of its own that leads to a character device."""
    files = f"{folder.root}/dev/gpu[0-{shape.accelerators - 1}]"
    return "".join(
        f"NodeName={group.names} AutoDetect=off Name=gpu Type={group.model} File={files}\n"
        for group in shape.groups
    )


def cgroup_conf(version: tuple[int, int]) -> str:
    plugin = "disabled" if version >= _CGROUPS_MAY_BE_OFF else "cgroup/v1"
    return f"CgroupPlugin={plugin}\n"


def slurmdbd_conf(shape: Shape, folder: Folder, ports: Ports, *, user: str) -> str:
    """The database is reached by its socket alone, so its password guards nothing."""
    lines = [
        "AuthType=auth/munge",
        f"AuthInfo=socket={folder.munge_socket}",
        "DbdHost=localhost",
        "DbdAddr=127.0.0.1",
        f"DbdPort={ports.database}",
        f"SlurmUser={user}",
        f"PidFile={folder.pid_file('slurmdbd')}",
        f"LogFile={folder.log('slurmdbd')}",
        "DebugLevel=info",
        "StorageType=accounting_storage/mysql",
        "StorageHost=localhost",
        "StorageUser=slurm",
        "StoragePass=slurm",
        f"StorageLoc=slurm_acct_{shape.cluster}",
    ]
    return "\n".join(lines) + "\n"
