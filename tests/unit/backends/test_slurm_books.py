"""What 22.05 prints, read; what may go, and when; what a failing command means."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.bindings import binding

from dure.backends.contract import ChangeRefused, UnableToApplyNow
from dure.backends.slurm import names, reading
from dure.backends.slurm.bookkeeping import Bookkeeping
from dure.backends.slurm.entitlements import lent_limits
from dure.backends.slurm.held import Held, Retired
from dure.backends.slurm.objects import Account, Association, Limits, Objects, Seat
from dure.backends.slurm.reading import Books, InForce
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.backends.slurm.tidying import QUIET_S, Busy, Person, removals, retired
from dure.backends.slurm.tools import CommandRefused, Slurm

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SITE = SlurmSite(
    cluster="lab", pools=(SlurmPool(pool="pool", model="B200", partition="main", accelerators=64),)
)
QOS = """\
normal|0|00:00:00||cluster||1.000000|||||Normal QOS default
lent|0|00:00:00||requeue|NoReserve|0.000000|||||made by dure
g-a|1000|1-00:00:30|lent|cluster|NoDecay,DenyOnLimit|1.000000|gres/gpu=16|gres/gpu=100|0|0|\
made by dure
g-site|5|00:00:00||cluster||1.000000|gres/gpu:b200=16,gres/gpu=2||||theirs | with a bar
and a second line
"""
ACCOUNTS = """\
dure|dure|dure
l-x|dure|x
p-x|dure|x
p-theirs|physics|dure
root|root|default root account
sub|physics|below ours
"""
ASSOCIATIONS = """\
root||||normal||||||
root|root|||||||||
dure|||root|||||||
l-x|||dure|||gres/gpu=8||||1000
l-x|kim|main||lent|lent|||||
p-x|||dure|||||||
p-x|kim|main||g-b,g-a|g-a|||||
p-x|lee|main||g-a|g-a|||0|0|
sub|||p-x|||||||
sub|lee|||normal||||||
"""
IN_FORCE = """\
Current Association Manager state
QOS Records
QOS=g-a(3) UsageRaw=0.000000 GrpJobs=0(2) GrpJobsAccrue=N(0) GrpSubmitJobs=N(4) GrpWall=N(0.00) \
GrpTRES=cpu=N(0),gres/gpu=16(8),gres/gpu:b200=N(8) GrpTRESMins=cpu=N(0),gres/gpu=100(7) \
GrpTRESRunMins=cpu=N(0) MaxWallPJ= PreemptMode=OFF Priority=1000 Account Limits No Accounts
QOS=normal(1) UsageRaw=0.000000 GrpJobs=7(2) GrpSubmitJobs=N(4) GrpTRES=cpu=N(0) Priority=0
"""
SEATS = """\
Current Association Manager state
Association Records
ClusterName=lab Account=l-x UserName= Partition= Priority=1000 ID=5 ParentAccount=dure(3) Lft=3 \
GrpJobs=N(0) GrpSubmitJobs=N(0) GrpTRES=cpu=N(0),gres/gpu=8(4) GrpTRESMins=cpu=N(0) MaxJobs=
ClusterName=lab Account=l-x UserName=kim(1000) Partition=main Priority=1000 ID=7 ParentAccount= \
GrpJobs=0(0) GrpSubmitJobs=0(0) GrpTRES=cpu=N(0),gres/gpu=N(4) GrpTRESMins=cpu=N(0) MaxJobs=
"""


def read() -> Books:
    return reading.books(QOS, ACCOUNTS, ASSOCIATIONS)


def test_only_what_bears_our_mark_is_ours_and_the_names_of_the_rest_are_known() -> None:
    found = read()
    assert set(found.ours.qos) == {"lent", "g-a"}
    assert set(found.ours.accounts) == {"dure", "l-x", "p-x"}
    assert found.others_qos == {"normal", "g-site"}
    assert found.others_accounts == {"root", "p-theirs", "sub"}
    assert found.above_others == {"p-x"}
    assert found.accounts_of["lee"] == {"p-x", "sub"}


def test_limits_flags_and_seats_are_read_as_they_are_set() -> None:
    ours = read().ours
    a = ours.qos["g-a"]
    assert a.limits == Limits(
        tres=(("gres/gpu", 16),), tres_minutes=(("gres/gpu", 100),), jobs=0, submitted=0
    )
    assert (a.flags, a.preempt, a.grace_s) == (("DenyOnLimit", "NoDecay"), ("lent",), 86_430)
    assert ours.accounts["l-x"] == Account(
        name="l-x",
        description="x",
        organization="dure",
        parent="dure",
        limits=Limits(tres=(("gres/gpu", 8),)),
        priority=1000,
    )
    kim, lee = Seat("kim", "p-x", "main"), Seat("lee", "p-x", "main")
    assert ours.associations[kim] == Association(kim, ("g-a", "g-b"), "g-a")
    assert not ours.associations[lee].open


def test_slurmctlds_own_limits_are_read_without_what_is_used() -> None:
    limits = Limits(tres=(("gres/gpu", 16),), tres_minutes=(("gres/gpu", 100),), jobs=0)
    assert reading.qos_in_force(IN_FORCE) == {"g-a": InForce(limits, 1000)}
    of_account = Limits(tres=(("gres/gpu", 8),))
    assert reading.accounts_in_force(SEATS) == {"l-x": InForce(of_account, 1000)}


@pytest.mark.parametrize(
    "identifier", ["UPPER", "과제", "a b", "it's", "x" * 64, "-dash", "a,b=c", "p|q\nr"]
)
def test_a_name_is_one_that_slurm_keeps_and_two_ids_never_share_one(identifier: str) -> None:
    name = names.plain(identifier)
    assert names.plain(name) == name
    assert name not in {
        identifier,
        names.plain(identifier + "x"),
        names.plain(identifier.swapcase() + "."),
    }


def test_a_plain_id_is_its_own_name() -> None:
    assert names.allocation_qos("2026-0042") == "g-2026-0042"
    assert names.allocation_qos("2026-0042", "old") == "g-2026-0042@old"


def test_what_was_removed_is_forgotten_when_it_was_quiet_for_long() -> None:
    held = Held(retiring=(Retired(binding=binding("a", 8, now=NOW, ends=NOW)),))
    busy = Busy(qos=frozenset({"g-a"}))
    late = NOW + timedelta(seconds=QUIET_S)
    quiet = retired(held, Busy(), NOW, SITE)
    assert quiet.retiring[0].quiet_since == NOW
    assert retired(quiet, Busy(), late - timedelta(seconds=1), SITE) == quiet
    assert retired(quiet, Busy(), late, SITE).retiring == ()
    assert retired(quiet, busy, late, SITE) == held


GPU = SlurmPool(pool="a", model="B200", partition="main", accelerators=32)
TYPED = SlurmPool(pool="b", model="A100", partition="old", accelerators=16, type="a100", suffix="b")


@pytest.mark.parametrize(
    ("standing", "limits"),
    [
        ({"a": 32, "b": 16}, ()),
        ({"a": 24}, ()),  # nodes that sleep unseen
        ({"a": 64, "b": 16}, (("gres/gpu", 48),)),
        ({"a": 32, "b": 24}, (("gres/gpu", 48), ("gres/gpu:a100", 16))),
    ],
)
def test_lent_work_has_its_limit_where_more_stands_than_the_site_gives(
    standing: dict[str, int], limits: tuple[tuple[str, int], ...]
) -> None:
    site = SlurmSite(cluster="lab", pools=(GPU, TYPED))
    assert lent_limits(site, standing) == Limits(tres=limits)


def test_what_stands_in_a_partition_is_counted_by_type_and_asked_once(tmp_path: Path) -> None:
    told = slurm(
        tmp_path,
        f"echo asked >>{tmp_path}/asked\n"
        "echo 'n1|main|gpu:b200:32'; echo 'n2|main|gpu:b200:32'; echo 'n3|old|gpu:a100:24'",
        program="sinfo",
    )
    site = SlurmSite(cluster="lab", pools=(GPU, TYPED))
    books = Bookkeeping(told, site=site, folder=tmp_path, clock=lambda: NOW)
    assert books.lent_in_all() == Limits(tres=(("gres/gpu", 48), ("gres/gpu:a100", 16)))
    assert books.lent_in_all() == Limits(tres=(("gres/gpu", 48), ("gres/gpu:a100", 16)))
    assert (tmp_path / "asked").read_text() == "asked\n"


def going(people: dict[str, Person], *, busy: Busy = Busy(), alone: bool = True) -> list[str]:  # noqa: B008  # frozen
    steps = removals(read(), Objects(), busy, people, cluster="lab", alone=alone)
    return [str(step).removeprefix("sacctmgr -i ") for step in steps]


PEOPLE = {"kim": Person("p-x", administrator=False), "lee": Person("p-x", administrator=False)}


def test_everything_of_ours_goes_and_who_sits_elsewhere_gets_another_default_before() -> None:
    assert going(PEOPLE) == [
        "delete user where name=kim",
        "modify user where name=lee cluster=lab set DefaultAccount=sub",
        "delete user where name=lee account=p-x cluster=lab partition=main",
        "delete account where name=l-x cluster=lab",
        "delete account where name=l-x",
        "delete qos where name=g-a,lent",
    ]


def test_beside_other_clusters_no_name_goes_that_may_be_in_use_there() -> None:
    assert going(PEOPLE, alone=False) == [
        "modify user where name=lee cluster=lab set DefaultAccount=sub",
        "delete user where name=kim,lee account=p-x cluster=lab partition=main",
        "delete account where name=l-x cluster=lab",
        "delete qos where name=g-a",
    ]


def test_nothing_goes_under_a_job() -> None:
    busy = Busy(
        qos=frozenset({"g-a"}),
        accounts=frozenset({"p-x"}),
        people=frozenset({("kim", "p-x"), ("lee", "p-x")}),
    )
    assert not any("p-x" in step or "g-a" in step for step in going(PEOPLE, busy=busy))


def test_an_administrator_of_slurm_is_never_deleted() -> None:
    people = {**PEOPLE, "kim": Person("p-x", administrator=True)}
    assert not any(step.startswith("delete user") and "kim" in step for step in going(people))
    assert "delete account where name=l-x cluster=lab" in going(people)


def slurm(folder: Path, script: str, *, program: str = "sacctmgr", timeout_s: float = 60) -> Slurm:
    path = folder / program
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Slurm({"PATH": f"{folder}:/usr/bin:/bin"}, timeout_s=timeout_s)


@pytest.mark.parametrize(
    "script",
    [
        "echo 'slurm_persist_conn_open: failed to open: Connection refused' >&2; exit 1",
        "echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1",
        "echo 'sacctmgr: error: Problem talking to the database: Connection refused' >&2; exit 1",
    ],
)
def test_slurm_away_or_busy_is_worth_another_try(tmp_path: Path, script: str) -> None:
    with pytest.raises(UnableToApplyNow):
        slurm(tmp_path, script).do("sacctmgr", "-i", "add", "qos", "x")


def test_slurm_that_does_not_answer_in_time_is_worth_another_try(tmp_path: Path) -> None:
    with pytest.raises(UnableToApplyNow, match="did not answer within"):
        slurm(tmp_path, "exec sleep 60", timeout_s=0.5).do("sacctmgr", "-i", "add", "qos", "x")


def test_a_command_that_is_missing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnableToApplyNow, match="name their folder as `commands`"):
        Slurm({"PATH": str(tmp_path)}).ask("sinfo")


def test_nothing_to_do_is_no_failure_and_a_refusal_is_one_with_slurms_words(tmp_path: Path) -> None:
    said = slurm(tmp_path, "echo ' Nothing new added.'; exit 1").do("sacctmgr", "add")
    assert said.code == 1
    for script in ("echo 'Access/permission denied'", "echo ' Unknown option: x' >&2; exit 1"):
        with pytest.raises(CommandRefused, match=r"denied|Unknown option") as refused:
            slurm(tmp_path, script).do("sacctmgr", "add")
        assert isinstance(refused.value, ChangeRefused)


def test_a_question_without_an_answer_is_asked_again(tmp_path: Path) -> None:
    with pytest.raises(UnableToApplyNow, match="Invalid job id"):
        slurm(tmp_path, "echo 'error: Invalid job id specified' >&2; exit 1").ask("sacctmgr")


def test_a_persons_words_in_a_list_are_not_slurms_about_itself(tmp_path: Path) -> None:
    listed = slurm(tmp_path, "echo 'n1 munge broken'; echo 'warning: x' >&2").ask("sacctmgr")
    assert listed == "n1 munge broken\n"
    with pytest.raises(UnableToApplyNow, match="munge"):
        slurm(tmp_path, "echo 'error: munge is down' >&2").do("sacctmgr", "add")
