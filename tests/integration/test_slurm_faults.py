"""Several things break at once on a real Slurm site: nothing is lost, doubled or touched.

A short play of what `bench/slurm_faults.py` measures ten times each.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import slurm_faults as faults
from tests.slurm_faults import Site
from tests.slurm_lab import standing

pytestmark = pytest.mark.slurm


def test_the_books_are_right_after_everything_has_been_away(tmp_path: Path) -> None:
    with standing(faults.SHAPE) as lab:
        site = Site(lab, tmp_path)
        site.start_hub()
        site.start_agent()
        try:
            faults.until(site.bound, "the agent binds")
            strike = faults.all_of(
                faults.kill_agent,
                faults.without_accounting(3),
                faults.cut_network(2),
                faults.restart_controller,
                faults.without_hub(2),
                faults.kill_agent,
            )
            outcome = faults.play(site, "everything", strike, times=1)
        finally:
            site.close()
    assert outcome.runs > 10
    assert (outcome.lost, outcome.doubled, outcome.touched) == (0, 0, 0), outcome
