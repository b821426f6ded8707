"""A member's job from the portal's API through the agent to a real Slurm, and its output back."""

from __future__ import annotations

import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from tests.integration.test_slurm_incidents import MEMBER, Site
from tests.integration.test_slurm_incidents import site as _site

from dure.agent import estimating
from dure.backends.slurm.backend import SlurmBackend
from dure.backends.slurm.handed import HandedIn
from dure.backends.slurm.tools import Slurm
from dure.hub.allocations.models import Allocation, LentRight
from dure.hub.jobs.models import Job
from dure.hub.people.models import User
from dure.hub.people.operations import issue_token
from dure.hub.supply.models import Pool

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.slurm,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand in a member's jobs"),
]

site = _site
PATIENCE_S = 40.0


def asked(site: Site, method: str, path: str, **body: object) -> dict[str, object]:
    """The hub's answer to the member's program."""
    member = User.objects.get(username=MEMBER)
    token = issue_token(user=member, label="test", by=member, now=datetime.now(UTC))
    client = Client(headers={"authorization": f"Bearer {token}", "accept-language": "en"})
    answer = client.generic(
        method, f"/api/v1/{path}", json.dumps(body) if body else b"", "application/json"
    )
    assert answer.status_code == 200, answer.content
    said: dict[str, object] = answer.json()
    return said


def until(site: Site, job: object, *states: str) -> Job:
    """The agent steps until the hub knows the job in one of these states."""
    last = time.monotonic() + PATIENCE_S
    while (found := Job.objects.get(pk=str(job))).state not in states:
        assert time.monotonic() < last, f"{found.state}: {found.waits} {found.words}"
        done = site.agent.step()
        assert (done.pulled.error, done.sent.error) == (None, None)
    return found


def test_jobs_of_a_member_run_on_slurm_and_come_back_with_their_output(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(estimating, "EVERY", timedelta(0))
    mine = Allocation.objects.get(project__members__username=MEMBER)
    LentRight.objects.create(
        project=mine.project,
        pool=Pool.objects.get(key="pool-a"),
        order=0,
        max_accelerators=64,
        since=mine.starts_at,
    )
    site.agent.step()

    script = 'echo "rank $DURE_RANK of $DURE_WORLD_SIZE in $PWD for $USER"'
    short = asked(site, "POST", "jobs", command=["bash", "-c", script], accelerators=8)
    plain = site.lab.run(
        "sbatch", "--parsable", "--gres=gpu:8", "-o", "/dev/null", "--time=30",
        "--wrap=sleep 600", user=MEMBER,
    ).strip()  # fmt: skip
    long = asked(site, "POST", "jobs", command=["sleep", "600"], accelerators=8, lent="only")
    done = until(site, short["id"], "completed", "failed", "refused")
    assert (done.state, done.exit_code, done.words) == ("completed", 0, "")
    assert done.log == f"rank 0 of 8 in /usr/games for {MEMBER}\n"
    ran = site.lab.run("squeue", "-h", "-t", "all", "-j", done.engine_job, "-o", "%u|%q")
    assert ran.strip() == f"{MEMBER}|g-{mine.key}"

    until(site, long["id"], "running")
    asked(site, "POST", f"jobs/{long['id']}/cancel")
    ended = until(site, long["id"], "cancelled")
    assert ended.allocation is None
    assert site.agent.tend().problems == ()
    assert site.lab.run("squeue", "-h", "-t", "R", "-o", "%A").split() == [plain]
    heard = Job.objects.get(engine_job=plain)  # handed in at the site itself, and listed too
    assert (heard.username, heard.allocation, heard.order) == (MEMBER, mine, "")

    # All of the pool is free when that one has ended, as Slurm itself expects.
    found = asked(site, "POST", "jobs/route", command=["x"], accelerators=64, lent="only")
    places = found["places"]
    assert isinstance(places, list)
    assert [one["code"] for one in places if one["allocation"] is None] == ["routing.estimated"]
    site.lab.run("scancel", plain)
    assert until(site, heard.pk, "cancelled").accelerators == 8
    _forgotten_by_a_crash(site, done, tmp_path / "engine")


class Forgetful(Slurm):
    """slurmctld knows of no job any more."""

    def ask(self, *argv: str, timeout_s: float | None = None) -> str:
        return "" if argv[0] == "squeue" else super().ask(*argv, timeout_s=timeout_s)


def _forgotten_by_a_crash(site: Site, done: Job, copy: Path) -> None:
    """The agent was killed before it wrote the job's number down, and came back when slurmctld had
    forgotten the job: slurmdbd still has its name, so that the order is not carried out again."""
    shutil.copytree(site.engine_folder / "jobs", copy / "jobs")
    records = HandedIn(copy / "jobs")
    record = records.of_job(done.engine_job)
    assert record is not None
    earlier = record.submitted - timedelta(minutes=10)
    records.keep(record.model_copy(update={"job": None, "submitted": earlier}))
    slurm = Forgetful.of(site.described)
    with SlurmBackend(
        copy, site=site.described, clock=lambda: datetime.now(UTC), slurm=slurm
    ) as engine:
        labels = {job.job: job.request.label for job in engine.jobs()}
    assert labels[done.engine_job] == done.order
