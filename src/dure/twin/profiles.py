"""What each real engine does differently, as measured: the parameters of a site.

- Measured on real daemons with four nodes of eight accelerators; single runs. The profile of Slurm
  22.05 is held against a record of eight nodes: `tests/scenarios/test_slurm_fidelity.py`.
- Newer Slurm (assoc_limit_stop is off) and Kueue (BestEffortFIFO) pass over too by their documents;
  their profiles do not until they have been held against a record.
- What is not modelled: the second from the end of a run until the next one's work begins; that
  Slurm looks for the tightest row of neighbouring nodes where the twin looks for the tightest node
  (no difference could be seen in the record); that a victim whose grace is over sometimes leaves
  before the sweep; that lent work stays lent until it ends (Slurm cannot change the QOS of a
  running job, a play's policy may promote it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ProfileName = Literal["ideal", "slurm-22.05", "slurm-25.11", "kueue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`passes_over`: a job for which its project's limit has no room keeps no younger one waiting,
    so wide jobs may starve behind narrow ones. `sweep_s`: a grace ends at multiples of it.
    `saved_are_lost`: a victim that saves and leaves in its grace counts as completed and does not
    come back."""

    passes_over: bool = False
    sweep_s: int = 0
    requeue_delay_s: int = 0
    saved_are_lost: bool = False
    source: str


PROFILES: Final[dict[ProfileName, Profile]] = {
    "ideal": Profile(source="no engine: what the rules would do by themselves"),
    "slurm-22.05": Profile(
        passes_over=True,  # QOSGrpGRES jobs are skipped, unless assoc_limit_stop is set
        sweep_s=30,  # grace 5 s ended after 22.2 and 13.5 s: the time-limit sweep ends it
        requeue_delay_s=121,  # AuthInfo cred_expire, 120 s by default; 121 or 122 s in the record
        saved_are_lost=True,  # exit 0 within the grace is COMPLETED; fixed in 24.05
        source="measured on Slurm 22.05.8",
    ),
    "slurm-25.11": Profile(
        sweep_s=30,  # grace 30 s ended after 36.3 s on 26.05.5
        requeue_delay_s=2,  # SchedulerParameters=requeue_delay=1, from 25.11 on
        source="measured on Slurm 26.05.5, with the settings that 25.11 brought",
    ),
    "kueue": Profile(
        source="Kubernetes ends a grace to the second and requeues at once; not measured here",
    ),
}
