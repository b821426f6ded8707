"""Bindings and shares on the real thing: names, others' objects, budgets, a lost record, leaving.

The lab has two pools: `main` with two nodes of four accelerators, `old` with one of another type.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from tests import bindings
from tests.slurm_lab import empty, site_of, standing, state, submit
from tests.unit.backends.paper_sacctmgr import PaperSacctmgr
from tests.waiting import eventually

from dure.agent.reconciling import reconcile
from dure.backends.contract import ChangeRefused, RemoveBinding, SetBinding, SetLent
from dure.backends.slurm import leaving, names
from dure.backends.slurm.backend import SlurmBackend
from dure.backends.slurm.binder import Binder
from dure.backends.slurm.bookkeeping import Bookkeeping
from dure.backends.slurm.entitlements import wanted
from dure.backends.slurm.held import Record
from dure.backends.slurm.objects import Objects
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.backends.slurm.tools import Slurm
from dure.backends.slurm.writing import steps
from dure.cli.slurm_lab import Lab, Shape
from dure.protocol import Binding, Desired, LentShare, MemberAccess

pytestmark = pytest.mark.slurm

ME: Final = MemberAccess(username=getpass.getuser())
NOW: Final = datetime.now(UTC).replace(microsecond=0)
POOLS: Final = (
    SlurmPool(pool="main", model="B200", partition="main", accelerators=8, per_node=4, type="b200"),
    SlurmPool(
        pool="old", model="H100", partition="old", accelerators=4, per_node=4, type="h100",
        suffix="old",
    ),
)  # fmt: skip
SHAPE: Final = Shape(
    nodes=3, accelerators=4, block_nodes=3, second_nodes=1, second_model="h100",
    second_partition="old", submit_script=False, kill_wait_s=2,
)  # fmt: skip
ODD_IDS: Final = (
    "2026-0042",
    "UPPER",
    "upper",
    "과제 7호",
    'it\'s "quoted"',
    "a=b,c:d|e",
    "dots...and__",
    "x" * 64,
    "-dash first",
)


@pytest.fixture(scope="module")
def one_lab() -> Iterator[Lab]:
    with standing(SHAPE) as lab:
        yield lab


@pytest.fixture
def lab(one_lab: Lab) -> Iterator[Lab]:
    yield one_lab
    empty(one_lab)


@pytest.fixture
def site(lab: Lab) -> SlurmSite:
    return site_of(lab, *POOLS)


@pytest.fixture
def slurm(site: SlurmSite) -> Slurm:
    return Slurm.of(site)


def clock() -> datetime:
    return datetime.now(UTC)


def binder(folder: Path, site: SlurmSite) -> Binder:
    folder.mkdir(exist_ok=True)
    slurm, record = Slurm.of(site), Record(folder)
    return Binder(folder, slurm=slurm, site=site, record=record, clock=clock)


def binding(allocation: str, accelerators: int = 1, **others: object) -> Binding:
    usual = {"pool": "main", "members": (ME,)}
    return bindings.binding(allocation, accelerators, now=NOW, **(usual | others))


def share(project: str, **others: object) -> LentShare:
    return bindings.share(project, 4, **({"pool": "main", "members": (ME,)} | others))


def set_all(*those: Binding | LentShare) -> list[SetBinding | SetLent]:
    return [SetBinding(binding=o) if isinstance(o, Binding) else SetLent(share=o) for o in those]


def everything(lab: Lab) -> dict[str, list[str]]:
    """All that sacctmgr shows of everything, with every column it has by itself."""
    kinds = ("qos", "account", "user", "assoc", "cluster")
    with ThreadPoolExecutor(len(kinds)) as hands:
        said = hands.map(lambda kind: lab.run("sacctmgr", "-nP", "show", kind), kinds)
        return {kind: sorted(rows.splitlines()) for kind, rows in zip(kinds, said, strict=True)}


def rich(binder: Binder) -> None:
    """Every kind of binding and share there is, under ids of every kind, on both pools."""
    bound = [binding(allocation, 1 if at < 4 else 0) for at, allocation in enumerate(ODD_IDS)]
    bound += [
        binding("frozen", state="frozen"),
        binding("over", ends=NOW - timedelta(hours=1)),
        binding("early", starts=NOW + timedelta(hours=1), ends=NOW + timedelta(hours=2)),
        binding("elsewhere", 2, pool="old"),
        binding("2026-0042", pool="old"),
        binding("with a budget", accelerator_seconds=7_260),
    ]
    shares = [share(project, order=at) for at, project in enumerate(ODD_IDS)]
    errors = binder.apply_together(set_all(*bound, *shares, share("UPPER", pool="old")))
    assert set(errors) == {None}


def others_of_the_site(lab: Lab) -> None:
    """What an operator has there, named much like ours."""
    for command in (
        "add account p-physics description=dure organization=physics GrpTRES=gres/gpu=3",
        "add account physics parent=p-physics organization=dure fairshare=7",
        "add account l-physics description=dure",
        "add qos g-normal description=high Priority=5 GrpTRES=gres/gpu=2 Flags=DenyOnLimit",
        "add qos lent-out description=made",
        "add user lee account=p-physics qos=g-normal,normal defaultqos=normal fairshare=3",
        f"add user {ME.username} account=physics qos=normal MaxJobs=9",
        "modify account root set fairshare=11 GrpJobs=500",
    ):
        lab.run("sacctmgr", "-i", *command.split())


def test_what_is_applied_is_observed_under_every_id_and_leaves_without_a_trace(
    lab: Lab, site: SlurmSite, slurm: Slurm, tmp_path: Path
) -> None:
    others_of_the_site(lab)
    before = everything(lab)
    made = binder(tmp_path, site)
    rich(made)
    held = Record(tmp_path).current
    assert made.observed().bindings == held.bindings
    assert made.observed().lent == held.lent
    between = everything(lab)
    assert all(row in between[kind] for kind, rows in before.items() for row in rows)

    assert really_there(slurm, site, tmp_path) == on_paper(wanted(held, clock(), site))

    taken = set_all(binding("normal"), binding("a", project="physics"), share("physics"))
    errors = made.apply_together(taken)
    assert all(isinstance(error, ChangeRefused) for error in errors)
    assert "QOS g-normal that is not Dure's" in str(errors[0])
    assert everything(lab) == between

    would = leaving.look(slurm, site=site, folder=tmp_path, clock=clock)
    assert {"lent", "g-2026-0042", "g-2026-0042@old", "g-upper"} < set(would.qos)
    assert {"physics", "p-physics", "l-physics"}.isdisjoint(would.accounts)
    assert everything(lab) == between
    assert leaving.leave(slurm, site=site, folder=tmp_path, clock=clock).done
    assert everything(lab) == before


def really_there(slurm: Slurm, site: SlurmSite, folder: Path) -> Objects:
    return Bookkeeping(slurm, site=site, folder=folder, clock=clock).books().ours


def on_paper(want: Objects) -> Objects:
    planned = steps(Objects(), want, cluster="lab", known=())
    return PaperSacctmgr(Objects()).run(planned.increases)


def test_a_lost_record_is_made_anew_from_the_hubs_word_and_what_is_nobodys_goes(
    lab: Lab, site: SlurmSite, slurm: Slurm, tmp_path: Path
) -> None:
    with SlurmBackend(tmp_path / "first", site=site, clock=clock) as first:
        for change in set_all(binding("kept", 4), binding("gone", 2), share("B")):
            first.apply(change)
        job = submit(lab, "-A", names.project_account("of kept"), "--gres=gpu:b200:4")
        eventually(lambda: state(lab, job) == "RUNNING")
    desired = Desired(
        cluster="lab", revision=9, bindings=(binding("kept", 4, generation=3),), lent=(share("B"),)
    )
    with SlurmBackend(tmp_path / "second", site=site, clock=clock) as second:
        assert {b.generation for b in second.observed().bindings} == {0}
        done = reconcile(second, desired)
        assert not done.drift
        assert second.observed().bindings == desired.bindings
        assert state(lab, job) == "RUNNING"
        eventually(lambda: "g-gone" not in lab.run("sacctmgr", "-nP", "show", "qos"))


def test_a_budget_that_is_used_up_ends_no_job_and_starts_none(
    lab: Lab, site: SlurmSite, slurm: Slurm, tmp_path: Path
) -> None:
    made = binder(tmp_path, site)
    within = binding("budget", 4, project="p", accelerator_seconds=2 * 60 * 4)
    assert made.apply_together(set_all(within)) == (None,)
    ask = ("-A", "p-p", "--qos=g-budget", "--gres=gpu:b200:4")
    running = submit(lab, *ask, "-t", "2")
    eventually(lambda: state(lab, running) == "RUNNING")
    waiting = submit(lab, *ask, "-t", "1")
    less = within.model_copy(update={"accelerator_seconds": 60, "generation": 2})
    assert made.apply_together(set_all(less)) == (None,)
    assert state(lab, running) == "RUNNING"
    lab.run("scancel", running)

    def waits_beside_idle_nodes() -> bool:
        said = lab.run("squeue", "-h", "-j", waiting, "-t", "all", "-o", "%T %r").strip()
        return said == "PENDING QOSGrpGRESMinutes" and {*lab.states().values()} == {"idle"}

    eventually(waits_beside_idle_nodes)


def test_lent_work_stays_within_the_part_of_a_partition_that_is_given(
    lab: Lab, tmp_path: Path
) -> None:
    part = POOLS[0].model_copy(update={"accelerators": 4})  # of 8
    made = binder(tmp_path / "state", site_of(lab, part, POOLS[1]))
    guest = share("guest", max_accelerators=8)
    assert made.apply_together(set_all(guest)) == (None,)
    assert made.observed().lent == (guest,)
    for _ in range(2):
        submit(lab, "-A", "l-guest", "--qos=lent", "--gres=gpu:b200:4")
    eventually(
        lambda: (
            sorted(lab.run("squeue", "-h", "-o", "%T %r").splitlines())
            == ["PENDING QOSGrpGRES", "RUNNING None"]
        )
    )


def test_nobody_leaves_under_jobs_unless_they_are_told_to_end(
    lab: Lab, site: SlurmSite, slurm: Slurm, tmp_path: Path
) -> None:
    made = binder(tmp_path, site)
    made.apply_together(set_all(binding("a", 2, project="p")))
    before = everything(lab)
    foreign = submit(lab, "--gres=gpu:b200:1")
    ours = submit(lab, "-A", "p-p", "--gres=gpu:b200:1")
    eventually(lambda: state(lab, ours) == state(lab, foreign) == "RUNNING")
    with pytest.raises(leaving.JobsInTheWay, match=f"not over: {ours}"):
        leaving.leave(slurm, site=site, folder=tmp_path, clock=clock)
    assert everything(lab) == before
    with pytest.raises(leaving.JobsInTheWay, match="told to end"):
        leaving.leave(slurm, site=site, folder=tmp_path, clock=clock, cancel_jobs=True)
    eventually(lambda: state(lab, ours) == "CANCELLED")
    eventually(lambda: not leaving.look(slurm, site=site, folder=tmp_path, clock=clock).jobs)
    assert leaving.leave(slurm, site=site, folder=tmp_path, clock=clock).done
    assert state(lab, foreign) == "RUNNING"


def test_time_alone_begins_and_ends_a_binding(lab: Lab, site: SlurmSite, tmp_path: Path) -> None:
    ahead = timedelta()
    hour = timedelta(hours=1)
    brief = binding("brief", 1, project="p", starts=NOW + hour, ends=NOW + 2 * hour)
    with SlurmBackend(tmp_path, site=site, clock=lambda: clock() + ahead) as engine:
        engine.apply(SetBinding(binding=brief))
        job = submit(lab, "-A", "p-p", "--qos=g-brief", "--gres=gpu:b200:1")
        time.sleep(2)
        assert state(lab, job) == "PENDING"
        ahead = hour
        engine.wake()
        eventually(lambda: state(lab, job) == "RUNNING")
        ahead = 2 * hour
        engine.wake()
        eventually(lambda: state(lab, job) == "CANCELLED")
        assert engine.observed().bindings == (brief,)
        engine.apply(RemoveBinding(allocation="brief", pool="main"))
        assert engine.observed().bindings == ()
