"""Maintenance and drains as commands to Slurm: only what is ours, only what differs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dure.backends.slurm import nodes
from dure.backends.slurm.upkeep import (
    Reservation,
    Step,
    drain_steps,
    reservation_steps,
    reservations,
    wanted,
)
from dure.protocol import Drain, Maintenance

NOW = datetime(2026, 4, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MEMBERS = {"p": ("n1", "n2", "n3"), "q": ("n9",)}

SHOWN = (
    "ReservationName=dure-m-m1 StartTime=1775224800 EndTime=1775232000 Duration=02:00:00"
    " Nodes=n[1-2] NodeCnt=2 CoreCnt=16 Features=(null) PartitionName=(null)"
    " Flags=MAINT,IGNORE_JOBS,SPEC_NODES TRES=cpu=16 Users=root Groups=(null) Accounts=(null)"
    " Licenses=(null) State=INACTIVE BurstBuffer=(null) Watts=n/a MaxStartDelay=(null)\n"
)
"""As Slurm 22.05 prints it with SLURM_TIME_FORMAT=%s."""


def window(**changes: object) -> Maintenance:
    one = Maintenance(
        id="m1", pool="p", nodes=("n1", "n2"), starts=NOW + 2 * HOUR, ends=NOW + 4 * HOUR
    )
    return one.model_copy(update=changes)


def steps(*windows: Maintenance, shown: str = "", now: datetime = NOW) -> list[str]:
    want = wanted(windows, members=MEMBERS, now=now)
    return [" ".join(step.argv) for step in reservation_steps(want, reservations(shown), now=now)]


def test_what_slurm_prints_is_read_and_what_is_not_ours_is_not() -> None:
    (one,) = reservations(SHOWN)
    assert one == Reservation("dure-m-m1", 1775224800, 1775232000, ("n1", "n2"))
    theirs = SHOWN.replace("dure-m-m1", "theirs")
    no_maintenance = SHOWN.replace("MAINT,", "")
    assert reservations(theirs + no_maintenance + "No reservations in the system\n") == ()


def test_a_window_is_created_ahead_of_time_and_then_left_alone() -> None:
    (made,) = steps(window())
    assert made == (
        "scontrol create reservation reservationname=dure-m-m1 starttime=2026-04-03T14:00:00 "
        "endtime=2026-04-03T16:00:00 nodes=n1,n2 flags=MAINT,IGNORE_JOBS users=root"
    )
    assert steps(window(), shown=SHOWN) == []


def test_a_window_without_nodes_is_the_whole_pool() -> None:
    (made,) = steps(window(nodes=()))
    assert "nodes=n1,n2,n3 " in made


def test_a_window_that_was_changed_is_moved_and_one_that_is_gone_removed() -> None:
    later = window(starts=NOW + 3 * HOUR, nodes=("n3",))
    (moved,) = steps(later, shown=SHOWN)
    assert moved == (
        "scontrol update reservationname=dure-m-m1 starttime=2026-04-03T15:00:00 "
        "endtime=2026-04-03T16:00:00 nodes=n3"
    )
    assert steps(shown=SHOWN) == ["scontrol delete reservationname=dure-m-m1"]


def test_a_window_that_has_begun_is_created_from_now_and_its_beginning_is_not_moved() -> None:
    begun = NOW + 3 * HOUR
    (made,) = steps(window(), now=begun)
    assert "starttime=now " in made
    late = SHOWN.replace("StartTime=1775224800", "StartTime=1775226600")
    assert steps(window(), shown=late, now=begun) == []
    (longer,) = steps(window(ends=NOW + 5 * HOUR), shown=late, now=begun)
    assert "starttime" not in longer


def test_a_window_that_is_over_is_not_wanted() -> None:
    assert steps(window(), now=NOW + 4 * HOUR) == []


def test_an_id_that_slurm_could_not_keep_is_a_readable_name() -> None:
    (made,) = steps(window(id="Cooling, July"))
    name = made.split("reservationname=")[1].split()[0]
    assert name.startswith("dure-m-cooling-july-")


def shown_node(name: str, state: str, reason: str = "") -> str:
    why = f" Reason={reason} [root@1775220000]" if reason else ""
    return (
        f"NodeName={name} Arch=x86_64 State={state} ThreadsPerCore=1 Partitions=main "
        f"BootTime=1775000000 CfgTRES=cpu=8,gres/gpu=8 AllocTRES={why}\n"
    )


def drained(text: str, *drains: Drain) -> list[Step]:
    return list(drain_steps(drains, nodes.nodes(text)))


def commands(found: list[Step]) -> list[str]:
    return [" ".join(step.argv) for step in found]


DRAIN = Drain(id="12", pool="p", node="n1")


def test_a_node_is_drained_for_us_and_let_go_when_it_is_no_longer() -> None:
    assert commands(drained(shown_node("n1", "IDLE"), DRAIN)) == [
        "scontrol update nodename=n1 state=drain reason=dure:12"
    ]
    ours = shown_node("n1", "IDLE+DRAIN", "dure:12")
    assert drained(ours, DRAIN) == []
    assert commands(drained(ours)) == ["scontrol update nodename=n1 state=undrain"]


def test_what_somebody_else_took_out_is_left_as_it_is() -> None:
    theirs = shown_node("n1", "MIXED+DRAIN", "bad fan, see dure:12")
    assert drained(theirs, DRAIN) == []
    assert drained(theirs) == []


@pytest.mark.parametrize("reason", ["dure: bad fan", "dure:psu", "dure:12 and its fan", "dure:"])
def test_a_reason_that_a_person_began_as_ours_begin_is_theirs(reason: str) -> None:
    theirs = shown_node("n1", "IDLE+DRAIN", reason)
    assert drained(theirs) == []
    assert drained(theirs, DRAIN) == []


def test_a_removed_node_that_returns_is_let_go() -> None:
    ours = shown_node("n1", "IDLE+DRAIN", "dure:removal-3")
    assert commands(drained(ours)) == ["scontrol update nodename=n1 state=undrain"]


def test_a_drain_for_another_incident_has_its_reason() -> None:
    older = shown_node("n1", "IDLE+DRAIN", "dure:7")
    assert commands(drained(older, DRAIN)) == [
        "scontrol update nodename=n1 state=drain reason=dure:12"
    ]


def test_a_step_that_was_not_carried_out_is_said_as_drift() -> None:
    (step,) = drained(shown_node("n1", "IDLE"), DRAIN)
    drift = step.drift
    assert (drift.subject, drift.expected, drift.found) == ("node n1", "drained, dure:12", "idle")
