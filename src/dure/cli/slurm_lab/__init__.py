"""A real Slurm cluster on this machine, for tests, demos and trying things out.

- munge, MariaDB, slurmdbd, slurmctld and one slurmd for each node, all from the system's packages;
  no systemd, no root, no device files, loopback only.
- All state and all processes belong to one folder: several labs stand side by side, and ending one
  touches nothing else.
- The accelerators are links to /dev/null: Slurm counts and binds them, nothing computes on them.
"""

from dure.cli.slurm_lab.lab import Lab, NoLabHere, UnableToStart
from dure.cli.slurm_lab.packages import PackagesMissing
from dure.cli.slurm_lab.shape import Shape

__all__ = ["Lab", "NoLabHere", "PackagesMissing", "Shape", "UnableToStart"]
