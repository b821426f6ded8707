"""Several things break at once on a real Slurm site: nothing is lost, doubled or touched.

A short play of what `bench/slurm_faults.py` measures ten times each.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from tests import slurm_faults as faults
from tests.slurm_lab import standing
from tests.slurm_load import SHAPE, Site

from dure.protocol import UsageRecord

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(os.geteuid() != 0, reason="the member of its projects is root"),
]


def test_the_books_are_right_after_everything_has_been_away(tmp_path: Path) -> None:
    with standing(SHAPE) as lab:
        site = Site(lab, tmp_path)
        try:
            site.begin()
            strike = faults.all_of(
                faults.kill_agent,
                faults.without_accounting(3),
                faults.cut_network(2),
                faults.restart_controller,
                faults.without_hub(2),
                faults.kill_agent,
            )
            outcome = faults.play(site, "everything", strike, times=1)
            records = [UsageRecord.model_validate_json(row[3]) for row in site.records.usage()]
        finally:
            site.close()
    assert outcome.runs > 10
    ran = Counter(kind for _, kind in {(record.job, record.kind) for record in records})
    assert ran["owner"] > 1, ran  # the guaranteed one, and some of the load
    assert ran["lent"] > 0, ran
    assert (outcome.lost, outcome.doubled, outcome.touched) == (0, 0, 0), outcome
    assert outcome.forgotten == 0, outcome
