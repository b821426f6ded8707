"""The configuration files of a lab, as texts.

- slurm.conf enforces what Dure relies on: associations, limits, QOS, `safe`; preemption by QOS with
  requeue; accelerators tracked with and without their model.
- An unknown key is fatal to every client of Slurm, so only keys of 22.05 and later stand here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from dure.cli.slurm_lab.shape import Folder, Shape

_CGROUPS_MAY_BE_OFF: Final = (24, 5)
"""From here on Slurm knows `disabled`; before, v1 is inert where no cgroup is asked for."""

NODE_PORTS: Final = 100
"""slurmd ports begin so far above the controller's."""


class Ports(NamedTuple):
    """The ports of one lab, all on loopback."""

    base: int

    @property
    def controller(self) -> int:
        return self.base

    @property
    def database(self) -> int:
        return self.base + 1

    def node(self, number: int) -> int:
        return self.base + NODE_PORTS + number


def slurm_conf(shape: Shape, folder: Folder, ports: Ports, *, user: str, host: str) -> str:
    """slurm.conf; `host` is this machine's short name, which every node bears too."""
    root = folder.root
    nodes = f"{ports.node(0)}-{ports.node(shape.nodes - 1)}"
    gres = f"gpu:{shape.model}:{shape.accelerators}"
    state = "CLOUD" if shape.sleeping else "UNKNOWN"
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
        "KillWait=2",
        "MinJobAge=300",
        "MessageTimeout=20",
        "TCPTimeout=5",
        "SchedulerType=sched/backfill",
        "SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=0,batch_sched_delay=0",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_CPU",
        "PriorityType=priority/multifactor",
        "PriorityWeightQOS=100000",
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
        f"AccountingStorageTRES=gres/gpu,gres/gpu:{shape.model}",
        *(_power_saving(folder) if shape.sleeping else ()),
        *shape.extra,
        f"NodeName=DEFAULT CPUs={shape.cpus} RealMemory=100000 Gres={gres} State={state}",
        f"NodeName=n[1-{shape.nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{nodes}]",
        "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=60 State=UP",
    ]
    return "\n".join(lines) + "\n"


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


def resume_program(folder: Folder, slurmd: Path, slurmstepd: Path) -> str:
    """Starts the real daemon of each node that a job lands on; `-b`: it has just booted."""
    return _for_each_node(
        folder,
        f"mkdir -p {folder.root}/spool/$n; "
        f"{slurmd} -b -d {slurmstepd} -N $n </dev/null >/dev/null 2>&1",
    )


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
    return (
        f"NodeName=n[1-{shape.nodes}] AutoDetect=off Name=gpu Type={shape.model}"
        f" File={folder.root}/dev/gpu[0-{shape.accelerators - 1}]\n"
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
