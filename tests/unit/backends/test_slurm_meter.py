"""What the meter asks, in which order, and what it does with answers that come late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.backends.test_slurm_counting import HELD, SITE
from tests.unit.backends.test_slurm_nodes import line

from dure.backends.contract import UnableToApplyNow
from dure.backends.slurm import meter
from dure.backends.slurm.meter import LOOK_BACK_EVERY_S, Meter
from dure.backends.slurm.tools import Slurm

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_S = int(NOW.timestamp())


class Told(Slurm):
    """A Slurm that says what it is told to."""

    def __init__(self) -> None:
        super().__init__({"PATH": ""})
        self.rows: list[str] = []
        self.waiting = 0
        self.asked: list[tuple[str, ...]] = []

    def ask(self, *argv: str, timeout_s: float | None = None) -> str:  # noqa: ARG002  # as in Slurm
        self.asked.append(argv)
        return {
            "squeue": "",
            "sdiag": f"Agent queue size: 7\nDBD Agent queue size: {self.waiting}\n",
            "sacct": "".join(row for row in self.rows if _reaches(row, argv)),
            "sacctmgr": "",
            "scontrol": line("n1", "IDLE"),
        }[argv[0]]

    def ran(self, number: int, *, ago_s: int, account: str = "p-x", qos: str = "g-a") -> None:
        """A run of ten seconds that ended so long ago."""
        end = NOW_S - ago_s
        self.rows.append(
            f"{number}|{number}|COMPLETED|{end - 10}|{end}|{account}|{qos}|kim|main|"
            "cpu=1,gres/gpu=8|n1\n"
        )


def _reaches(row: str, argv: tuple[str, ...]) -> bool:
    """Whether sacct shows the row when asked from an instant on; the first one is "not said"."""
    end = row.split("|")[4]
    if "-S" not in argv or not end.isdigit():
        return True
    asked = datetime.fromisoformat(argv[argv.index("-S") + 1]).replace(tzinfo=UTC)
    if asked.timestamp() == 0:
        asked = NOW.replace(hour=0)
    return int(end) >= asked.timestamp()


@pytest.fixture
def slurm() -> Told:
    return Told()


@pytest.fixture
def clock() -> list[datetime]:
    return [NOW]


@pytest.fixture
def counts(slurm: Told, clock: list[datetime]) -> Meter:
    return Meter(slurm=slurm, site=SITE, held=lambda: HELD, clock=lambda: clock[0])


def test_the_queue_is_read_before_the_accounting_and_only_our_accounts_are_asked_for(
    counts: Meter, slurm: Told
) -> None:
    counts.usage(None, NOW)
    first = [argv[0] for argv in slurm.asked]
    assert first[:3] == ["squeue", "sdiag", "sacct"]
    accounting = slurm.asked[2]
    assert accounting[accounting.index("-A") + 1] == "l-x,p-x,p-y"


def test_nothing_is_counted_while_slurmctld_has_more_to_tell(
    counts: Meter, slurm: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "_PAUSE_S", 0)
    slurm.waiting = 3
    with pytest.raises(UnableToApplyNow, match="3 messages for slurmdbd"):
        counts.usage(None, NOW)


def test_what_came_too_late_is_said_at_the_next_look_back_and_only_then(
    counts: Meter, slurm: Told, clock: list[datetime]
) -> None:
    slurm.ran(1, ago_s=900)
    first = counts.usage(None, NOW)
    assert {r.job for r in first.usage} == {"1"}
    slurm.ran(2, ago_s=800)  # slurmdbd learns of it only now
    cursor = first.complete_through
    assert counts.usage(cursor, NOW).usage == ()
    clock[0] = NOW + timedelta(seconds=LOOK_BACK_EVERY_S)
    assert {r.job for r in counts.usage(cursor, clock[0]).usage} == {"2"}
    clock[0] += timedelta(seconds=LOOK_BACK_EVERY_S)
    assert counts.usage(cursor, clock[0]).usage == ()


@pytest.mark.parametrize("since", [None, datetime(1970, 1, 1, tzinfo=UTC)])
def test_the_first_question_reaches_back_beyond_midnight(
    counts: Meter, slurm: Told, since: datetime | None
) -> None:
    slurm.ran(1, ago_s=3 * 86_400)
    assert {r.job for r in counts.usage(since, NOW).usage} == {"1"}
    starts = [word for argv in slurm.asked for word in argv if "1970-01-01T00:00:00" in word]
    assert starts == []


def test_the_runs_of_a_job_are_asked_for_whenever_they_were(counts: Meter, slurm: Told) -> None:
    slurm.ran(1, ago_s=900)
    counts.usage(NOW - timedelta(hours=1), NOW)
    (asked,) = (argv for argv in slurm.asked if "-j" in argv)
    assert asked[asked.index("-S") + 1] == "1970-01-02T00:00:00"


def test_what_is_nobodys_is_said_in_words(counts: Meter, slurm: Told) -> None:
    slurm.ran(1, ago_s=900, account="physics", qos="normal")
    assert counts.usage(None, NOW).usage == ()
    (note,) = counts.notes()
    assert "account physics, QOS normal" in note
    assert "80 accelerator-seconds of big" in note


def test_a_run_whose_end_was_lost_is_said_with_what_mends_it(counts: Meter, slurm: Told) -> None:
    slurm.rows.append(f"5|5|RUNNING|{NOW_S - 500}|Unknown|p-x|g-a|kim|main|cpu=1,gres/gpu=8|n1\n")
    batch = counts.usage(None, NOW)
    assert batch.usage == ()
    assert batch.complete_through == NOW - timedelta(seconds=500)
    (note,) = counts.notes()
    assert "sacctmgr show runawayjobs" in note
