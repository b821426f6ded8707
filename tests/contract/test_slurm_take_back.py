"""Taking back, shrinking, ending and renewing on a real Slurm of 8 nodes x 8, while jobs run.

The contract suite says what holds on every engine; here stands what only a real cluster can show:
gangs over several nodes, jobs of plain sbatch, Unix users, and a process of ours that dies.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from tests.bindings import binding, members, share
from tests.slurm_lab import site_of, state
from tests.waiting import eventually

from dure.backends.contract import (
    JobRefused,
    JobRequest,
    JobStatus,
    RemoveLent,
    SetBinding,
    SetLent,
)
from dure.backends.slurm.backend import SlurmBackend
from dure.backends.slurm.submission import Place
from dure.backends.slurm.tools import Slurm
from dure.cli.slurm_lab import Lab

pytestmark = pytest.mark.slurm

ME: Final = getpass.getuser()
NOW: Final = datetime.now(UTC)
BOUND_S: Final = 10.0
"""The bench has the bar; a test machine that is busy must not fail this."""

WORK: Final = """
import os, signal, sys, time
home, rank = os.environ["DURE_CHECKPOINT_DIR"], os.environ["DURE_RANK"]
saved, told = f"{home}/step-{rank}", []
step = int(open(saved).read()) if os.path.exists(saved) else 0
print("from", step, flush=True)
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
while step < int(sys.argv[1]) and not told:
    time.sleep(0.1)
    step += 1
open(saved, "w").write(str(step))
print("to", step, flush=True)
"""


class Site:
    """The engine on the lab, and what a test says to it."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.lab, self.home = lab, home
        self.described = site_of(lab).model_copy(update={"first_back_off_s": 40})
        self.engine = SlurmBackend(home, site=self.described, clock=lambda: datetime.now(UTC))

    def bind(self, accelerators: int, **changed: object) -> None:
        usual = {"project": "owner", "servers": 8, "members": members(ME)}
        bound = binding("a-1", accelerators, now=NOW, **(usual | changed))
        self.engine.apply(SetBinding(binding=bound))

    def lend(self, *usernames: str) -> None:
        lent = share("lent", 64, members=members(*(usernames or (ME,))))
        self.engine.apply(SetLent(share=lent))

    def hand_in(self, accelerators: int, *command: str, owner: bool = False, user: str = ME) -> str:
        return self.engine.submit(
            JobRequest(
                project="owner" if owner else "lent",
                allocation="a-1" if owner else None,
                pool="pool",
                accelerators=accelerators,
                command=command or ("sleep", "600"),
                username=user,
                working_directory="/",
                label=f"order of {accelerators}",
            )
        )

    def status(self, job: str) -> JobStatus:
        return next(status for status in self.engine.jobs() if status.job == job)

    def until(self, job: str, state: str) -> JobStatus:
        eventually(lambda: self.status(job).state == state)
        return self.status(job)

    def runs_a_while(self, job: str) -> JobStatus:
        """Until it has run a second: slurmdbd may write a shorter run over (22.05, measured)."""
        found = self.until(job, "running")
        assert found.started is not None
        a_while = found.started + timedelta(seconds=2)
        eventually(lambda: datetime.now(UTC) > a_while)
        return found

    def end_gang(self, job: str) -> None:
        """Cancelled when each of its ranks has begun: its nodes are free at once, not in a minute.

        22.05, measured: where a node has not launched its part, the first waits 60 s for it.
        """
        found = re.search(r"StdErr=(.*)", self.lab.run("scontrol", "show", "job", job))
        assert found is not None
        place, ranks = Place(folder=Path(found[1]).parent), self.status(job).request.accelerators
        eventually(lambda: all(place.log(1, rank).exists() for rank in range(ranks)))
        self.engine.cancel(job)

    def log(self, job: str) -> str:
        return self.engine.log_tail(job, most=10_000).decode()


@pytest.fixture
def site(clean_slurm: Lab) -> Iterator[Site]:
    home = Path(tempfile.mkdtemp(prefix="dure-take-back-"))
    home.chmod(0o755)
    made = Site(clean_slurm, home)
    yield made
    made.engine.close()
    shutil.rmtree(home)


def test_a_gang_of_two_nodes_takes_back_and_the_lent_gang_goes_on_from_where_it_saved(
    site: Site,
) -> None:
    site.bind(64)
    site.lend()
    work = (sys.executable, "-I", "-S", "-c", WORK, "40")
    gang = site.hand_in(16, *work)
    rest = site.hand_in(48)
    for job in (gang, rest):
        site.until(job, "running")
    waiting = [site.hand_in(1) for _ in range(6)]  # these want the room that is freed
    site.end_gang(rest)
    eventually(lambda: "from 0" in site.log(gang))
    owner = site.hand_in(64, owner=True)
    began = site.until(owner, "running")
    assert began.started is not None
    assert (began.started - began.submitted).total_seconds() < BOUND_S
    assert {site.status(job).state for job in waiting} == {"pending"}
    again = site.until(gang, "pending")
    assert again.attempt == 2
    site.end_gang(owner)
    done = site.until(gang, "completed")
    assert (done.attempt, done.exit_code) == (2, 0)
    first = site.home / "of-users" / ME
    logs = sorted(first.glob("*/attempt-2/rank-*.log"))
    assert len(logs) >= 16
    steps = [log.read_text().split() for log in logs if "from" in log.read_text()]
    assert len(steps) == 16
    assert all(int(words[1]) > 0 and words[-1] == "40" for words in steps)


def test_work_that_is_taken_back_again_and_again_is_put_off(site: Site) -> None:
    site.bind(64)
    site.lend()
    job = site.hand_in(8)
    site.runs_a_while(job)
    site.lab.run("scontrol", "requeue", job)  # by a user: that is no take-back
    for attempt in (2, 3, 4):
        assert site.runs_a_while(job).attempt == attempt
        owner = site.hand_in(64, owner=True)
        site.until(owner, "running")
        site.end_gang(owner)

    def put_off() -> bool:
        waits = site.status(job).waits
        if waits is None or waits.code != "job.waits_its_turn":
            return False
        until = datetime.fromisoformat(str(waits.params["until"]))
        return until - datetime.now(UTC) > timedelta(seconds=20)

    eventually(put_off)


def test_renewed_and_shrunk_a_running_job_runs_on_and_who_left_is_cancelled(site: Site) -> None:
    site.lend()
    site.bind(64)
    owner, lent = site.hand_in(16, owner=True), site.hand_in(8)
    for job in (owner, lent):
        site.until(job, "running")
    first_end = datetime.now(UTC) + timedelta(seconds=10)
    site.bind(64, generation=2, ends=first_end)
    site.bind(16, generation=3, ends=NOW + timedelta(days=60))
    assert datetime.now(UTC) < first_end
    site.bind(8, generation=4, ends=NOW + timedelta(days=60))
    site.lend("nobody")
    assert site.until(lent, "cancelled").exit_code is None
    eventually(lambda: datetime.now(UTC) > first_end + timedelta(seconds=1))
    assert site.status(owner).state == "running"
    assert site.status(owner).attempt == 1
    site.bind(8, generation=5, members=())
    site.until(owner, "cancelled")


def test_a_job_of_plain_sbatch_is_listed_and_kept_like_any_other(site: Site) -> None:
    site.lend()
    accounts = site.lab.run("sacctmgr", "-nP", "list", "account", "format=account").split()
    account = next(name for name in accounts if name.startswith("l-"))
    options = ("--parsable", "-A", account, "-o", "/dev/null", "--wrap=exec sleep 600")
    name = "a name\n1|RUNNING|"
    job = site.lab.run("sbatch", *options, "-J", name, "--gres=gpu:2").strip()
    once = site.lab.run("sbatch", *options, "--no-requeue", "--gres=gpu:1").strip()
    found = site.until(job, "running")
    site.until(once, "running")
    assert (found.request.project, found.request.allocation, found.request.accelerators) == (
        "lent",
        None,
        2,
    )
    site.engine.apply(RemoveLent(project="lent", pool="pool"))
    assert site.until(job, "pending").attempt == 2
    eventually(lambda: state(site.lab, once) == "CANCELLED")  # it asked never to wait again
    site.engine.cancel(job)
    assert site.until(job, "cancelled").request == found.request  # its end is heard too


def test_what_was_handed_in_when_the_agent_died_is_found_by_its_label(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between sbatch and the note of its number."""

    class Killed(BaseException):
        pass

    site.lend()
    run = Slurm.run

    def dies_after(self: Slurm, *argv: str, **more: object) -> object:
        said = run(self, *argv, **more)  # type: ignore[arg-type]  # handed through as it came
        if argv[0] == "sbatch":
            raise Killed
        return said

    monkeypatch.setattr(Slurm, "run", dies_after)
    with pytest.raises(Killed):
        site.hand_in(8)
    monkeypatch.setattr(Slurm, "run", run)
    site.engine.close()
    site.engine = SlurmBackend(site.home, site=site.described, clock=lambda: datetime.now(UTC))
    (found,) = (one for one in site.engine.jobs() if one.ended is None)
    assert found.request.label == "order of 8"
    site.until(found.job, "running")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand in jobs of several Unix users")
def test_a_job_is_its_members_in_every_respect(site: Site) -> None:
    site.lend(ME, "games")
    work = 'id -un; id -Gn; touch "$DURE_CHECKPOINT_DIR/mine"; env'
    job = site.hand_in(2, "sh", "-c", work, user="games")
    assert site.until(job, "completed").exit_code == 0
    said = site.log(job)
    (kept,) = re.findall(r"(?m)^DURE_CHECKPOINT_DIR=(.*)$", said)
    assert (Path(kept) / "mine").owner() == "games"
    assert said.startswith("games\ngames\n")
    assert "TZ=" not in said
    assert "SLURM_TIME_FORMAT" not in said
    assert f"DURE_JOB={job}\n" in said


def test_an_agent_that_is_not_root_hands_in_its_own_jobs_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.lend(ME, "games", "no-such-user")
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    with pytest.raises(JobRefused, match="this agent runs as user 4321"):
        site.hand_in(1, user="games")
    with pytest.raises(JobRefused, match="no Unix account"):
        site.hand_in(1, user="no-such-user")


def test_when_a_job_would_start_is_asked_of_slurm(site: Site) -> None:
    site.lend()
    (whole, too_much) = site.engine.starts("pool", [64, 128])
    assert whole.at is not None
    assert whole.at - datetime.now(UTC) < timedelta(minutes=1)
    assert too_much.at is None
