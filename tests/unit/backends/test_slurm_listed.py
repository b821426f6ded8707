"""What the queue shows of jobs that did not come through Dure."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.unit.backends.test_slurm_jobs import row
from tests.unit.backends.test_slurm_past import LENT, NOW, NOW_S, OWN, Clock, Told, jobs_of


def ended(job: str, state: str, *, whose: tuple[str, str], code: int = 0) -> str:
    return row(
        job, job, "kim", *whose, "main", state, NOW_S - 90, NOW_S - 90, NOW_S - 80, NOW_S - 5,
        0, code, "cpu=8,mem=1G,gres/gpu=8", "None",
    )  # fmt: skip


def test_the_end_of_a_job_from_a_login_node_is_listed_while_slurm_knows_it(tmp_path: Path) -> None:
    slurm = Told()
    slurm.queue = [
        ended("1", "COMPLETED", whose=OWN),
        ended("2", "FAILED", whose=LENT, code=768),
        ended("3", "COMPLETED", whose=("root", "normal")),
    ]
    own, lent = jobs_of(slurm, Clock(), tmp_path).jobs()
    assert (own.job, own.state, own.exit_code) == ("1", "completed", 0)
    assert own.ended == NOW - timedelta(seconds=5)
    assert (own.request.project, own.request.allocation, own.request.accelerators) == ("P", "A", 8)
    assert (lent.job, lent.state, lent.exit_code) == ("2", "failed", 3)
    assert (lent.request.project, lent.request.allocation) == ("L", None)
