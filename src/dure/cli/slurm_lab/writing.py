"""What a lab reads, written: texts, scripts, and the devices that stand for accelerators."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from dure.cli.slurm_lab import configuration as conf
from dure.cli.slurm_lab import packages
from dure.cli.slurm_lab.ports import Ports
from dure.cli.slurm_lab.shape import Folder, Shape

_SUBMIT_SCRIPT: Final = "job_submit.lua"


def configure(
    shape: Shape,
    folder: Folder,
    ports: Ports,
    *,
    version: tuple[int, int],
    slurmd: Sequence[str],
) -> None:
    """Writes everything anew. `slurmd`: the command that starts a node's daemon."""
    _make_devices(shape, folder)
    for name, text in _texts(shape, folder, ports, version).items():
        (folder.root / "etc" / name).write_text(text)
    (folder.root / "etc" / "slurmdbd.conf").chmod(0o600)
    scripts = {
        "resume": conf.resume_program(folder, slurmd),
        "suspend": conf.suspend_program(folder),
    }
    for name, text in scripts.items():
        path = folder.root / "bin" / name
        path.write_text(text)
        path.chmod(0o755)


def _texts(shape: Shape, folder: Folder, ports: Ports, version: tuple[int, int]) -> dict[str, str]:
    user, host = getpass.getuser(), socket.gethostname().split(".")[0]
    script = _submit_script(shape)
    slurm_conf = conf.slurm_conf(
        shape, folder, ports, user=user, host=host, version=version, submit_script=bool(script)
    )
    texts = {
        "slurm.conf": slurm_conf,
        "topology.conf": conf.topology_conf(shape),
        "gres.conf": conf.gres_conf(shape, folder),
        "cgroup.conf": conf.cgroup_conf(version),
        "slurmdbd.conf": conf.slurmdbd_conf(shape, folder, ports, user=user),
    }
    return {**texts, _SUBMIT_SCRIPT: script} if script else texts


def _make_devices(shape: Shape, folder: Folder) -> None:
    for number in range(shape.accelerators):
        device = folder.root / "dev" / f"gpu{number}"
        device.unlink(missing_ok=True)
        device.symlink_to("/dev/null")


def _submit_script(shape: Shape) -> str:
    """What advises at submission; empty where the shape, Slurm or this Dure has none."""
    script = files("dure.backends") / "slurm" / _SUBMIT_SCRIPT
    wanted = shape.submit_script and packages.has_lua() and script.is_file()
    return script.read_text(encoding="utf-8") if wanted else ""
