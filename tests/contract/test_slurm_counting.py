"""What Dure counts on a real Slurm is what Slurm used, to the second, whatever happens."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from tests.slurm_lab import empty, saved, site_of
from tests.slurm_play import GRANTS, Play, Size, settled
from tests.waiting import eventually

from dure.backends.contract import UnableToApplyNow
from dure.backends.slurm.meter import Meter
from dure.cli.slurm_lab import Lab
from dure.protocol import NodeRecord, UsageRecord
from dure.protocol.report import Outcome

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the plays hand their jobs in as root")

SMALL = Size(lent=20, owned=14, gangs=4, failing=3, cancelled=3, requeued=3)


def said_by_and_by(
    meter: Meter, since: datetime
) -> tuple[list[UsageRecord], list[NodeRecord], datetime]:
    """As an agent hears it: what cannot be counted now is asked for again."""
    usage: list[UsageRecord] = []
    down: list[NodeRecord] = []
    found: list[datetime] = []

    def complete() -> bool:
        try:
            more, outages, through = settled(meter, since=since)
        except UnableToApplyNow:
            return False
        usage[:], down[:], found[:] = more, outages, [through]
        return True

    eventually(complete, within_s=60)
    return usage, down, found[0]


@pytest.fixture(scope="module")
def objects(slurm_lab: Lab) -> Iterator[Play]:
    """The accounts and QOS of all plays here."""
    made = Play(slurm_lab, site_of(slurm_lab))
    made.write_objects()
    yield made
    empty(slurm_lab)


@pytest.fixture
def play(objects: Play) -> Play:
    """A play of its own, after all that ran before."""
    objects.begin()
    return objects


def test_our_accelerator_seconds_are_slurms_own_by_allocation_and_class(play: Play) -> None:
    meter = play.meter()
    play.load(SMALL)
    usage, down, through = settled(meter, since=play.began)
    truth = play.truth(through)
    ours = play.counted(usage)
    assert ours == play.ours(truth)
    assert all(ours[play.account[p], play.grant[p]] > 0 for p in GRANTS)
    assert {r.outcome for r in usage} == set(get_args(Outcome))
    account = play.account_of(usage, down, through)
    assert account.split.total == 64 * account.seconds
    assert account.split.used + account.split.lent == sum(ours.values())
    assert account.split.down > 0
    strangers = Counter({(s.account, s.qos): s.accelerator_seconds for s in meter.strays})
    assert {who: strangers[who] for who in truth if strangers[who]} == truth - ours


def test_an_accounting_that_is_away_stops_the_count_and_loses_nothing(play: Play) -> None:
    meter = play.meter()
    play.hand_in("one", "--gres=gpu:2", run="sleep 2")
    meter.usage(play.began, datetime.now(UTC))
    play.lab.kill_accounting()
    away = play.hand_in("one", "--array=1-6", "--gres=gpu:2", run="sleep 1")
    with pytest.raises(UnableToApplyNow):
        meter.usage(play.began, datetime.now(UTC))
    eventually(lambda: not play.unfinished(), within_s=90)
    play.hand_in("two", "--gres=gpu:4", run="sleep 3")  # it runs on while slurmdbd returns
    play.lab.start_accounting()
    eventually(lambda: not play.unfinished(), within_s=90)
    usage, _, through = said_by_and_by(meter, play.began)
    assert play.counted(usage) == play.ours(play.truth(through))
    assert len({r.job for r in usage}) == 1 + 6 + 1
    assert away


def test_a_controller_that_starts_again_neither_loses_nor_doubles_what_ran(play: Play) -> None:
    meter = play.meter()
    long = play.hand_in("one", "--gres=gpu:2", run="sleep 120")
    ends = play.hand_in("two", "--gres=gpu:4", run="sleep 20")
    eventually(lambda: play.running([long, ends]) == 2)
    began = time.time()
    saved(play.lab)
    assert play.running([long, ends]) == 2
    play.lab.kill_controller()
    with pytest.raises(UnableToApplyNow):
        meter.usage(play.began, datetime.now(UTC))
    time.sleep(max(0, began + 22 - time.time()))  # one of them ends meanwhile
    play.lab.start_controller()
    assert play.running([long])
    play.lab.run("scancel", long)
    eventually(lambda: not play.unfinished(), within_s=90)
    usage, _, through = said_by_and_by(meter, play.began)
    assert play.counted(usage) == play.ours(play.truth(through))
    assert {(r.job, r.attempt) for r in usage} == {(long, 1), (ends, 1)}


def test_how_busy_a_run_was_is_said_of_its_own_accelerators(play: Play, tmp_path: Path) -> None:
    figures = "".join(
        f'DCGM_FI_DEV_GPU_UTIL{{gpu="{number}"}} {90 if number < 2 else 10}\n'
        f'DCGM_FI_DEV_POWER_USAGE{{gpu="{number}"}} 500\n'
        for number in range(8)
    )
    for node in play.lab.shape.node_names:
        (tmp_path / f"{node}.prom").write_text(figures)
    meter = play.meter(exporters=f"{tmp_path}/*.prom", folder=tmp_path)
    job = play.hand_in("one", "--gres=gpu:2", run="sleep 5")
    eventually(lambda: play.running([job]))

    def looked_at_until_it_ended() -> bool:
        meter.usage(play.began, datetime.now(UTC))  # each question looks at the exporters too
        return not play.unfinished()

    eventually(looked_at_until_it_ended, within_s=90)
    usage, _, _ = settled(meter, since=play.began)
    seen = [r for r in usage if r.job == job and r.busy_permille is not None]
    assert seen
    assert {r.busy_permille for r in seen} == {900}
    assert all(r.energy_j == 500 * 2 * (r.end - r.start).total_seconds() for r in seen)
