"""From the rows of sacct to segments; the rows are recorded from Slurm 22.05.8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dure.backends.slurm import counting
from dure.backends.slurm.counting import Books, Live, Places, Run, UnreadableAccounting
from dure.backends.slurm.held import Held, Named
from dure.backends.slurm.site import SlurmPool, SlurmSite

SITE = SlurmSite(
    cluster="lab", pools=(SlurmPool(pool="big", model="B200", partition="main", accelerators=64),)
)
HELD = Held(
    qos={
        "g-a": Named(project="x", pool="big", allocation="A"),
        "g-b": Named(project="y", pool="big", allocation="b"),
    },
    accounts={
        "p-x": Named(project="x"),
        "l-x": Named(project="x", pool="big"),
        "p-y": Named(project="y"),
    },
)
BOOKS = Books(SITE, HELD)

RECORDED = """\
1|8|RUNNING|1795353253|Unknown|l-x|lent|root|main|billing=1,cpu=1,gres/gpu:b200=8,gres/gpu=8,node=1|n8
2|1|PREEMPTED|1795353253|1795353255|l-x|lent|root|main|billing=1,cpu=1,gres/gpu:b200=8,gres/gpu=8,node=1|n1
2|18|RUNNING|1795353262|Unknown|l-x|lent|root|main|billing=1,cpu=1,gres/gpu:b200=8,gres/gpu=8,node=1|n1
9|17|COMPLETED|1795353255|1795353258|p-x|g-a|root|main|billing=2,cpu=2,gres/gpu:b200=16,gres/gpu=16,node=2|n[1-2]
10|33|PENDING|Unknown|Unknown|l-x|lent|root|main||None assigned
11|34|CANCELLED by 1001|None|1795353300|p-x|g-a|root|main||None assigned
"""

EARLY = "9|17|COMPLETED|1795353255|1795353258|p-x|Unknown|root||gres/gpu:b200=16,gres/gpu=16|n1\n"
"""The same row before slurmctld has told the rest: as read four seconds after its start."""


RUN = Run(
    job="1", row=1, state="COMPLETED", start_s=1000, end_s=1010, account="p-x", qos="g-a",
    user="kim", partition="main", tres="cpu=8,gres/gpu=8", nodes="n1",
)  # fmt: skip


def run(**changes: object) -> Run:
    """A usual row of eight accelerators, but for what is changed."""
    return replace(RUN, **changes)  # type: ignore[arg-type]  # fields of all kinds


def live(job: str, *, account: str, qos: str, start_s: int = 1, end_s: int | None = None) -> Live:
    """A job of eight accelerators in the queue."""
    return Live(
        job=job, start_s=start_s, end_s=end_s, account=account, qos=qos, partition="main",
        tres="cpu=1,gres/gpu=8",
    )  # fmt: skip


def settled(rows: Sequence[Run], *queue: Live, from_s: int = 0, latest_s: int) -> int:
    return counting.settled(rows, queue=queue, books=BOOKS, from_s=from_s, latest_s=latest_s)


def counted(*rows: Run, alive: dict[str, int] | None = None) -> counting.Counted:
    return counting.holdings(
        rows, ordinals=counting.attempts(rows), books=BOOKS, alive_jobs=alive or {}
    )


def test_recorded_rows_are_counted_by_account_and_qos_and_numbered_by_their_starts() -> None:
    rows = counting.runs(RECORDED)
    alive = {"1": 1795353253, "2": 1795353262}
    held = counting.holdings(
        rows, ordinals=counting.attempts(rows), books=BOOKS, alive_jobs=alive
    ).holdings
    assert [(h.job, h.attempt, h.allocation, h.accelerators, h.outcome) for h in held] == [
        ("2", 1, None, 8, "preempted"),
        ("1", 1, None, 8, "failed"),
        ("9", 1, "A", 16, "completed"),
        ("2", 2, None, 8, "failed"),
    ]
    assert [h.end_s for h in held] == [1795353255, None, 1795353258, None]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("COMPLETED", "completed"),
        ("FAILED", "failed"),
        ("TIMEOUT", "failed"),
        ("NODE_FAIL", "failed"),
        ("OUT_OF_MEMORY", "failed"),
        ("CANCELLED", "cancelled"),
        ("PREEMPTED", "preempted"),
        ("REQUEUED", "preempted"),
    ],
)
def test_every_end_has_an_outcome(state: str, outcome: str) -> None:
    (holding,) = counted(run(state=state)).holdings
    assert holding.outcome == outcome


def test_a_row_that_slurmctld_has_not_told_wholly_ends_what_is_settled() -> None:
    (early,) = counting.runs(EARLY)
    assert settled([early], latest_s=1795353260) == 1795353255
    assert settled(counting.runs(RECORDED), latest_s=1795353260) == 1795353260
    much_later = 1795353258 + counting.NEVER_S
    assert settled([early], latest_s=much_later) == much_later


def test_a_run_that_only_slurmctld_knows_ends_what_is_settled() -> None:
    job = live("7", account="p-x", qos="g-a", start_s=990)
    ended = live("8", account="p-x", qos="g-a", start_s=900, end_s=950)
    assert settled([], job, latest_s=1010) == 990
    assert settled([], job, ended, latest_s=1010) == 900
    assert settled([], job, ended, from_s=950, latest_s=1010) == 990
    known = [run(job="7", start_s=990), run(job="8", start_s=900)]
    assert settled(known, job, ended, latest_s=1010) == 1010


def test_a_run_without_an_end_that_slurmctld_does_not_run_keeps_its_time_open() -> None:
    lost = run(end_s=None, state="RUNNING")
    elsewhere: list[dict[str, int]] = [{}, {"1": 1005}]
    for alive in elsewhere:
        found = counted(lost, alive=alive)
        assert found.lost_ends == (lost,)
        assert counting.usage(found, every_s=5, settled_s=1020) == ([], [1000])
    found = counted(lost, alive={"1": 1000})
    records, opens = counting.usage(found, every_s=5, settled_s=1012)
    assert [r.end.timestamp() for r in records] == [1005, 1010]
    assert opens == [1010]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"account": "physics", "qos": "normal"}, "foreign"),
        ({"qos": "normal"}, "mixed"),
        ({"qos": "lent"}, "mixed"),
        ({"account": "l-x"}, "mixed"),
        ({"qos": "g-b"}, "mixed"),
        ({"account": "physics"}, "mixed"),
        ({"partition": "debug", "nodes": "n1"}, "elsewhere"),
    ],
)
def test_what_is_not_exactly_a_pair_of_ours_is_named_and_counted_to_nobody(
    changes: dict[str, object], why: str
) -> None:
    row = run(**changes)
    assert counted(row).holdings == ()
    places = Places(SITE, {"n1": ("main", "debug")})
    found = counting.strays(
        [row], books=BOOKS, places=places, alive_jobs={}, from_s=1004, to_s=1020
    )
    assert [(s.why, s.pool, s.accelerator_seconds) for s in found] == [(why, "big", 8 * 6)]


def test_what_runs_on_other_nodes_is_none_of_ours() -> None:
    row = run(account="physics", qos="normal", partition="cpu", nodes="c1")
    places = Places(SITE, {"c1": ("cpu",), "n1": ("main",)})
    assert not counting.strays(
        [row], books=BOOKS, places=places, alive_jobs={}, from_s=0, to_s=2000
    )


def test_typed_and_untyped_counts_of_the_same_accelerators_count_once() -> None:
    plain = SITE.pools[0]
    typed = plain.model_copy(update={"type": "h100"})
    both = "cpu=1,gres/gpu:a100=2,gres/gpu:h100=6,gres/gpu=8"
    assert counting.accelerators(both, plain) == 8
    assert counting.accelerators(both, typed) == 6
    assert counting.accelerators("cpu=1,gres/gpu=8", typed) == 8
    assert counting.accelerators("cpu=1,gres/gpu:a100=8,gres/gpu=8", typed) == 0
    assert counting.accelerators("cpu=1,mem=4G", plain) == 0
    with pytest.raises(UnreadableAccounting, match="no number"):
        counting.accelerators("gres/gpu=8.5", plain)


def test_a_resized_run_goes_on_as_the_same_attempt() -> None:
    rows = [
        run(row=1, state="RESIZING"),
        run(row=2, start_s=1010, end_s=1020),
        run(row=3, start_s=1030, end_s=1040),
    ]
    assert counting.attempts(rows) == {1: 1, 2: 1, 3: 2}


def test_a_row_that_cannot_be_read_stops_the_count() -> None:
    with pytest.raises(UnreadableAccounting, match="Slurm answered 'error: x'"):
        counting.runs("error: x\n")
    with pytest.raises(UnreadableAccounting):
        counting.live("error: x\n")


def test_the_queue_tells_what_runs_from_what_just_ended() -> None:
    text = (
        "9 |COMPLETED |1795353255 |1795353258 |P-x |g-a |main |cpu=2,gres/gpu=16 |\n"
        "2 |RUNNING   |1795353262 |1795356862 |l-x |lent|main |cpu=1,gres/gpu=8  |\n"
        "3 |CANCELLED |N/A        |1795356862 |l-x |lent|main |N/A               |\n"
    )
    ended, runs = counting.live(text)
    assert (ended.job, ended.end_s, ended.account) == ("9", 1795353258, "p-x")
    assert counting.alive([ended, runs]) == {"2": 1795353262}
