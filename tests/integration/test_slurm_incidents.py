"""Nodes of a real Slurm that die, are taken out or report a fault: seen at the hub, and back.

The agent is the real one, on the lab's Slurm; the hub stands in the test's own process.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from django.test import Client
from tests.integration import small
from tests.integration.small import World
from tests.slurm_lab import books, site_of
from tests.waiting import eventually

from dure.agent import workplace
from dure.agent.loop import Agent
from dure.agent.order_desk import OrderDesk
from dure.agent.state import Home, StateFolder
from dure.backends.contract import JobRequest
from dure.backends.slurm.backend import SlurmBackend
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.cli.slurm_lab import Lab
from dure.client import SiteClient
from dure.hub import clock, loop
from dure.hub.allocations.models import Allocation, LentRight, Stretch
from dure.hub.incidents import operations
from dure.hub.incidents.models import Incident, IncidentCredit
from dure.hub.people.models import User
from dure.hub.supply.models import SiteCredential
from dure.hub.supply.operations import rotate_credential
from dure.hub.wsgi import application
from dure.protocol import Credential

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.slurm,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand in a member's jobs"),
]

MEMBER = "games"
"""A Unix user that every Debian has; jobs run as somebody."""


@dataclass
class Site:
    """The lab with its agent, and the hub that they belong to."""

    world: World
    lab: Lab
    agent: Agent
    engine: SlurmBackend
    engine_folder: Path
    described: SlurmSite
    metrics: Path

    def round(self) -> None:
        """The agent pulls, tends and says; the hub decides; the agent does what that comes to."""
        for _ in range(2):
            done = self.agent.step()
            assert (done.pulled.error, done.sent.error) == (None, None)
            made = loop.step(programme=self.world.programme, now=clock.now())
            assert "incidents" not in made.failed
        self.agent.step()

    def node(self, name: str) -> str:
        return self.lab.run("scontrol", "-o", "show", "node", name)

    def answers(self, name: str) -> bool:
        return "NOT_RESPONDING" not in self.node(name)

    def lasting(self, name: str) -> Incident | None:
        return Incident.objects.filter(node=name, state="lasting").first()

    def page(self, path: str, who: str = "operator") -> str:
        client = Client()
        client.force_login(self.world[who])
        client.cookies["django_language"] = "en"
        return client.get(path).content.decode()


def _from_now_on() -> None:
    """The small world lives in another year than the lab."""
    now = datetime.now(UTC).replace(microsecond=0)
    period = {"starts_at": now - timedelta(days=1), "ends_at": now + timedelta(days=30)}
    Allocation.objects.update(**period)
    Stretch.objects.update(**period)


@pytest.fixture
def site(clean_slurm: Lab, one_connection: None, tmp_path: Path) -> Iterator[Site]:
    world = small.running()
    _from_now_on()
    LentRight.objects.all().delete()
    Allocation.objects.exclude(project__members__username="ann").update(
        state=Allocation.State.OFFERED  # one to bind is enough
    )
    User.objects.filter(username="ann").update(username=MEMBER)
    now = datetime.now(UTC)
    SiteCredential.objects.update(revoked_at=now)
    made, secret = rotate_credential(cluster=small.cluster(), now=now)
    credential = Credential.model_validate(
        {"cluster": "centre-a", "token": secret, "expires": made.expires_at}
    )
    state = StateFolder(tmp_path / "state")
    state.keep_home(Home(hub="http://testserver", credential=credential, issued_at=now))
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    pool = SlurmPool(pool="pool-a", model="H200", partition="main", accelerators=64)
    described = site_of(clean_slurm, pool).model_copy(
        update={"exporters": (f"{metrics}/*.prom",), "exporters_every_s": 1}
    )
    transport = httpx.WSGITransport(app=application)
    folder = Path(tempfile.mkdtemp(prefix="engine-", dir=clean_slurm.root))
    folder.chmod(0o711)  # pytest's own folders let no other Unix user in
    with SlurmBackend(folder, site=described, clock=lambda: datetime.now(UTC)) as engine:
        agent = Agent(
            state=state,
            spool=state.spool(),
            backend=engine,
            connect=lambda home: SiteClient(home.hub, secret, transport),
            clock=lambda: datetime.now(UTC),
            desk=OrderDesk(
                queue=engine,
                path=state.root / "orders.json",
                place=workplace.of(described, state=state.root),
            ),
        )
        yield Site(world, clean_slurm, agent, engine, folder, described, metrics)


def test_nodes_that_die_report_a_fault_or_are_taken_out_and_come_back(site: Site) -> None:
    site.round()
    mine = Allocation.objects.get(project__members__username=MEMBER)
    job = _running(site, mine)
    where = site.lab.run("squeue", "-h", "-j", job, "-o", "%N").strip()
    faulty, drained = [name for name in ("n5", "n7", "n8") if name != where][:2]

    site.lab.kill_node(where)
    # Slurm notices by itself within its SlurmdTimeout; an impatient admin is faster.
    site.lab.run("scontrol", "update", f"nodename={where}", "state=down", "reason=Not responding")
    site.lab.run("scontrol", "update", f"nodename={drained}", "state=drain", "reason=fan tray")
    (site.metrics / f"{faulty}.prom").write_text(
        "# TYPE DCGM_FI_DEV_XID_ERRORS gauge\n"
        f'DCGM_FI_DEV_XID_ERRORS{{gpu="3",UUID="GPU-b9f9",Hostname="{faulty}.example.org",'
        'err_code="79",err_msg="GPU has fallen off the bus"} 79\n'
        'DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-b9fa",Hostname="n6",err_code="31"} 31\n'
    )
    eventually(lambda: "NODE_FAIL" in _runs(site.lab, job))
    site.round()

    died, faulted, taken = site.lasting(where), site.lasting(faulty), site.lasting(drained)
    assert died is not None
    assert (died.cause, died.spare_reason["code"]) == ("failed", "incidents.spare_same_block")
    credit = IncidentCredit.objects.get(allocation=mine)
    assert credit.key == f"work:{job}/1"
    assert 8 <= credit.amount <= 8 * 60
    assert f"Job {job} ended with server {where}" in site.page(f"/allocations/{mine.key}/", "ann")

    assert faulted is not None
    assert faulted.cause == "device"
    assert "DRAIN" in site.node(faulty)
    assert f"Reason=dure:{faulted.pk} " in site.node(faulty)
    assert f"Accelerator 3 of server {faulty} reported XID 79" in site.page("/incidents/")
    assert site.lasting("n6") is None  # the work's own fault

    assert taken is not None
    assert (taken.cause, taken.severity) == ("drained", "low")
    assert "fan tray" in site.page(f"/incidents/{taken.pk}/")
    assert "Reason=fan tray " in site.node(drained)  # the admin's own, left to the admin

    site.lab.kill_node(faulty)
    _start_as_rebooted(site.lab, faulty)
    site.lab.start_nodes([where])
    site.lab.run("scontrol", "update", f"nodename={drained}", "state=resume")
    for name in (where, faulty, drained):
        eventually(partial(site.answers, name))
    site.round()
    ends = dict(Incident.objects.filter(state="ended").values_list("node", "end_reason__code"))
    assert ends == {
        where: "incidents.returned",
        faulty: "incidents.restarted",
        drained: "incidents.returned",
    }
    assert "DRAIN" not in site.node(faulty)
    assert IncidentCredit.objects.count() == 1  # spares stood in: no capacity was missing


def _running(site: Site, allocation: Allocation) -> str:
    """A job of the owner's that has run for a second or two."""
    job = site.engine.submit(
        JobRequest(
            project=allocation.project.key, allocation=allocation.key, pool="pool-a",
            accelerators=8, command=("sleep", "600"), username=MEMBER, working_directory="/",
        )
    )  # fmt: skip
    ran = ("squeue", "-h", "-j", job, "-t", "R", "-o", "%M")
    eventually(lambda: (said := site.lab.run(*ran).strip()) and int(said.split(":")[-1]) >= 2)
    return job


def _runs(lab: Lab, job: str) -> list[str]:
    """How each run of the job stands."""
    return [said for (said,) in books(lab, "State", "-D", "-j", job)]


def _start_as_rebooted(lab: Lab, name: str) -> None:
    """`-b`: slurmd says that the node was started just now."""
    subprocess.run([*lab._node_daemon(), "-b", "-N", name], env=lab.environment, check=True)


@pytest.mark.any_slurm
def test_announced_maintenance_is_a_reservation_ahead_of_time(site: Site) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    window = operations.announce_maintenance(
        pool=small.pool(), nodes=[], starts_at=now + timedelta(minutes=30),
        ends_at=now + timedelta(hours=2), why="cables", by=site.world.operator, now=now,
    )  # fmt: skip
    mine = ("scontrol", "create", "reservation", "reservationname=theirs", "starttime=now+2hours")
    site.lab.run(*mine, "duration=60", "nodes=n1", "users=root", "flags=IGNORE_JOBS")
    assert site.agent.step().sent.error is None
    shown = site.lab.run("scontrol", "-o", "show", "reservation")
    assert f"ReservationName=dure-m-m{window.pk} " in shown
    assert "Flags=MAINT,IGNORE_JOBS" in shown
    submit = ("sbatch", "--parsable", "-o", "/dev/null", "--wrap=true")
    long, short = (site.lab.run(*submit, "-t", minutes).strip() for minutes in ("60", "5"))
    eventually(lambda: "COMPLETED" in _runs(site.lab, short))
    assert "PENDING" in site.lab.run("squeue", "-h", "-j", long, "-o", "%T")

    operations.withdraw_maintenance(window=window, by=site.world.operator, now=now)
    assert site.agent.step().sent.error is None
    shown = site.lab.run("scontrol", "-o", "show", "reservation")
    assert "dure-m-" not in shown
    assert "ReservationName=theirs" in shown
    eventually(lambda: "COMPLETED" in _runs(site.lab, long))
