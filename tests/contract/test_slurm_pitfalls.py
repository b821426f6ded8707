"""Traps of binding to Slurm that others have fallen into, on the real thing.

Which trap is covered where: docs/explanations/slurm.md, "Pitfalls".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from tests import bindings
from tests.slurm_lab import state, submit
from tests.waiting import eventually

from dure.agent.reconciling import reconcile
from dure.backends.contract import SetBinding
from dure.backends.slurm import names
from dure.backends.slurm.backend import SlurmBackend
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.cli.slurm_lab import Lab
from dure.protocol import Binding, Desired, MemberAccess

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several Unix users at once"),
]

POOL: Final = "pool"
NOW: Final = datetime.now(UTC)
GAMES: Final = MemberAccess(username="games")


@pytest.fixture
def backend(clean_slurm: Lab, tmp_path: Path) -> Iterator[SlurmBackend]:
    site = SlurmSite(
        cluster=clean_slurm.shape.cluster,
        pools=(SlurmPool(pool=POOL, model="B200", partition="main", accelerators=64, cpus=8),),
        slurm_conf=str(clean_slurm.folder.slurm_conf),
        commands=clean_slurm.commands,
    )
    with SlurmBackend(tmp_path, site=site, clock=lambda: datetime.now(UTC)) as made:
        yield made


def binding(
    allocation: str, *members: MemberAccess, accelerators: int = 8, **said: object
) -> Binding:
    usual = {"project": "a", "pool": POOL, "members": members or (GAMES,)}
    return bindings.binding(allocation, accelerators, now=NOW, **(usual | said))


def refused(lab: Lab, *options: str, user: str = "games") -> bool:
    """Whether such a job is; one that is not is cancelled, lest a crash lose its end alone."""
    command = ("sbatch", "--parsable", "--hold", *options, "--wrap=true")
    if job := lab.run(*command, user=user, check=False).strip():
        lab.run("scancel", job)
    return not job


def books(lab: Lab, kind: str, columns: str) -> list[str]:
    shown = lab.run("sacctmgr", "-n", "-P", "show", *kind.split(), f"format={columns}")
    return sorted(shown.splitlines())


def foreign(lab: Lab) -> dict[str, list[str]]:
    """Everything in Slurm's database that is not ours."""
    listings = {
        "assoc": "account,user,partition,qos,defaultqos,grptres,priority,fairshare",
        "qos": "name,description,priority,grptres,flags,preempt",
        "user": "user,defaultaccount,adminlevel",
        "account": "account,description,organization",
    }
    ours = ("g-", "p-", "l-", "lent|", "dure|")
    kept = {"games", "stranger"}
    return {
        kind: [
            row
            for row in books(lab, kind, columns)
            if not row.startswith(ours) and not (kind == "user" and row.split("|")[0] in kept)
        ]
        for kind, columns in listings.items()
    }


def test_limits_hold_while_slurmdbd_is_away_and_older_ones_after_a_crash_are_set_right(
    clean_slurm: Lab, backend: SlurmBackend
) -> None:
    two, one = ("--gres=gpu:8", "-N2"), ("--gres=gpu:8",)
    saved = (binding("a1", accelerators=16), binding("cold"))
    assert backend.apply_together([SetBinding(binding=each) for each in saved]) == (None, None)
    clean_slurm.run("scontrol", "shutdown", "slurmctld")  # as a service is stopped: it saves
    eventually(lambda: not clean_slurm.is_up)
    clean_slurm.kill_accounting()
    clean_slurm.start_controller()
    assert refused(clean_slurm, *two, "-n17", "--gpus-per-task=1")
    assert not refused(clean_slurm, *two)

    clean_slurm.start_accounting()
    desired = Desired(
        cluster=clean_slurm.shape.cluster,
        revision=1,
        bindings=(binding("a1"), binding("cold", state="frozen")),
    )
    eventually(lambda: reconcile(backend, desired).drift == ())
    clean_slurm.kill_accounting()
    clean_slurm.kill_controller()  # it had no time to save
    clean_slurm.start_controller()
    clean_slurm.start_accounting()
    assert not refused(clean_slurm, *two)  # as it was saved
    # by itself it would hear of it after a quarter of a minute, or never
    assert reconcile(backend, desired).drift == ()
    assert backend.observed().bindings == desired.bindings
    assert refused(clean_slurm, *two)
    assert not refused(clean_slurm, *one)
    assert refused(clean_slurm, *one, "--qos=g-cold")


def test_members_have_our_qos_alone_and_the_sites_own_people_keep_what_they_had(
    clean_slurm: Lab, backend: SlurmBackend
) -> None:
    clean_slurm.run("sacctmgr", "-i", "add", "account", "staff")
    clean_slurm.run("sacctmgr", "-i", "add", "user", "man", "account=staff")
    columns = "user,defaultaccount,adminlevel"
    before = books(clean_slurm, "user where name=man", columns)
    early = binding("a1", GAMES, *map(_member, ("man", "without-unix-account")))
    desired = Desired(cluster=clean_slurm.shape.cluster, revision=1, bindings=(early,))
    assert reconcile(backend, desired).drift == ()
    seats = books(clean_slurm, "assoc where user=games,man", "user,account,qos,defaultqos")
    assert seats == ["games|p-a|g-a1|g-a1", "man|p-a|g-a1|g-a1", "man|staff|normal|"]
    assert refused(clean_slurm, "--gres=gpu:1", "--qos=normal")
    ours = submit(clean_slurm, "--gres=gpu:8", user="games")
    theirs = submit(clean_slurm, user="man")
    shown = clean_slurm.run("squeue", "-h", "-j", f"{ours},{theirs}", "-o", "%a %q").splitlines()
    assert sorted(shown) == ["p-a g-a1", "staff normal"]
    eventually(lambda: state(clean_slurm, ours) == "RUNNING")
    reconcile(backend, Desired(cluster=clean_slurm.shape.cluster, revision=2))
    assert books(clean_slurm, "user where name=man", columns) == before
    assert state(clean_slurm, theirs) in {"RUNNING", "PENDING"}


def _member(username: str) -> MemberAccess:
    return MemberAccess(username=username)


def test_what_somebody_changes_of_ours_by_hand_is_made_good_and_what_is_theirs_stays(
    clean_slurm: Lab, backend: SlurmBackend
) -> None:
    desired = Desired(
        cluster=clean_slurm.shape.cluster,
        revision=1,
        bindings=(binding("a1"), binding("b1", project="b", accelerators=16)),
        lent=(bindings.share("a", 8, pool=POOL, members=(GAMES,)),),
    )
    assert reconcile(backend, desired).drift == ()
    clean_slurm.run("sacctmgr", "-i", "modify", "account", "dure", "set", "MaxSubmitJobs=500")
    for by_hand in (
        ("modify", "qos", "g-a1", "set", "GrpTRES=gres/gpu=64"),
        ("modify", "account", "where", "name=l-a", "set", "GrpTRES=gres/gpu=64"),
        ("modify", "user", "where", "name=games", "account=p-a", "set", "qos+=normal"),
        ("delete", "user", "name=games", "account=p-b"),
        ("delete", "qos", "g-b1"),
    ):
        clean_slurm.run("sacctmgr", "-i", *by_hand)
    assert backend.observed().bindings != desired.bindings
    assert reconcile(backend, desired).drift == ()
    assert backend.observed().bindings == desired.bindings
    assert books(clean_slurm, "qos where name=g-a1,g-b1", "name,grptres") == [
        "g-a1|cpu=8,gres/gpu=8",
        "g-b1|cpu=16,gres/gpu=16",
    ]
    assert books(clean_slurm, "assoc where user=games", "account,qos") == [
        "l-a|lent",
        "p-a|g-a1",
        "p-b|g-b1",
    ]
    assert books(clean_slurm, "assoc where account=l-a user=", "grptres") == ["cpu=8,gres/gpu=8"]
    assert books(clean_slurm, "assoc where account=dure user=", "maxsubmit") == ["500"]  # theirs


def test_nobody_keeps_others_from_their_accelerators_by_taking_all_processors(
    clean_slurm: Lab, backend: SlurmBackend
) -> None:
    others = binding("b1", project="b", accelerators=56)
    errors = backend.apply_together([SetBinding(binding=binding("a1")), SetBinding(binding=others)])
    assert errors == (None, None)
    whole_nodes = ("--array=1-8", "-A", "p-a", "--gres=gpu:1", "-c", "8")  # the nodes have no more
    greedy = submit(clean_slurm, *whole_nodes, user="games")
    gang = submit(clean_slurm, "-N7", "-A", "p-b", "--gres=gpu:8", user="games")
    eventually(lambda: state(clean_slurm, gang) == "RUNNING")
    running = clean_slurm.run("squeue", "-h", "-j", greedy, "-t", "running").splitlines()
    assert len(running) == 1
    assert refused(clean_slurm, "-A", "p-a", "--gres=gpu:1", "-n", "9")


HOSTILE: Final = (
    "root", "-i", "x,games", "x account=root", "x set adminlevel=admin", "a\nb", "a|b", "'; --",
    "where", "all", "*", "%", "", " ", "\t", "김철수", "u" * 300, "Games",
)  # fmt: skip


def test_no_name_of_a_member_reaches_beyond_our_own_objects(
    clean_slurm: Lab, backend: SlurmBackend
) -> None:
    clean_slurm.run("sacctmgr", "-i", "add", "account", "staff")
    clean_slurm.run("sacctmgr", "-i", "add", "user", "mail", "account=staff")
    before = foreign(clean_slurm)
    people = [MemberAccess(username=name) for name in HOSTILE]
    backend.apply(SetBinding(binding=binding("a1", GAMES, *people)))
    after = foreign(clean_slurm)
    assert after["qos"] == before["qos"]
    assert after["account"] == before["account"]
    assert after["assoc"] == before["assoc"]
    assert [row for row in after["user"] if row.endswith("|Administrator")] == [
        row for row in before["user"] if row.endswith("|Administrator")
    ]
    assert not refused(clean_slurm, "--gres=gpu:8")


ODD: Final = (
    "a\nb", "a b", "A", "x set GrpTRES=gres/gpu=64", "'\"`$(id)", "-i", "normal", "root", "가나다",
)  # fmt: skip


def test_no_id_reaches_beyond_our_own_objects(clean_slurm: Lab, backend: SlurmBackend) -> None:
    before = foreign(clean_slurm)
    odd = tuple(binding(one, project=one, accelerators=4) for one in sorted(ODD))
    errors = backend.apply_together([SetBinding(binding=one) for one in odd])
    assert errors == (None,) * len(odd)
    assert sorted(backend.observed().bindings, key=lambda one: one.allocation) == [*odd]
    assert foreign(clean_slurm) == before
    for one in odd:
        account = names.project_account(one.project)
        assert not refused(clean_slurm, "-A", account, "--gres=gpu:4")
        assert refused(clean_slurm, "-A", account, "--gres=gpu:5")
