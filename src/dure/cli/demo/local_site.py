"""This machine as a site: a hub server, an agent process, and real training jobs.

The owner trains and goes idle; the hub lends the slots; a waitlisted project's job runs on them;
the owner returns and starts while the lent job is checkpointed and requeued; it finishes later,
with the weights that an undisturbed run gets.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from dure.agent import jobs_socket
from dure.agent.loop import Agent
from dure.agent.site import open_engine
from dure.agent.state import StateFolder
from dure.backends.contract import JobRequest, JobStatus
from dure.cli.demo.context import TakeBack
from dure.cli.demo.programme import LOCAL_CLUSTER, REHEARSAL
from dure.cli.demo.simulated_sites import connect
from dure.cli.demo.site_engines import SiteEngine
from dure.hub import clock
from dure.hub.allocations import members
from dure.hub.allocations.models import Allocation, LentRight, Project, WaitlistEntry
from dure.hub.loop import step
from dure.hub.people import operations as people
from dure.hub.people.gate import Actor
from dure.hub.people.models import Role, User
from dure.hub.supply.models import Cluster, Pool, Programme
from dure.hub.supply.operations import issue_enrolment_token

STEPS: Final = 320
"""Of both jobs: the same training, so the interrupted one must end with the same weights."""

RETURN_STEPS: Final = 120
"""What the owner comes back for."""

STEP_S: Final = 0.01
SAVED_EVERY: Final = 120
"""So each run lasts more than a second, however fast the machine: Slurm counts in whole ones."""

PATIENCE_S: Final = 60.0
Found = TypeVar("Found")


class DemoStuck(RuntimeError):
    """Something on this machine did not happen in time; the message names it."""


def wait_for(what: str, look: Callable[[], Found | None], *, every_s: float = 0.05) -> Found:
    """The first thing `look` finds. Raises DemoStuck after a minute."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = look()
        if found is not None:
            return found
        time.sleep(every_s)
    raise DemoStuck(f"waited {PATIENCE_S:.0f} s for {what}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def process(arguments: Sequence[str], *, log: Path, offset_s: int) -> Iterator[None]:
    """A `dure` command that runs beside the demo and ends with it, also when it is killed."""
    setpriv = shutil.which("setpriv")
    command = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
    command += [sys.executable, "-m", "dure", *arguments]
    environment = {**os.environ, "DURE_CLOCK_OFFSET_S": str(offset_s)}
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=environment) as running,  # noqa: S603  # our own command
    ):
        try:
            yield
        finally:
            running.terminate()
            try:
                running.wait(timeout=10)
            except subprocess.TimeoutExpired:
                running.kill()


class LocalSite:
    """The rehearsal site of the programme, on this machine."""

    def __init__(self, *, home: Path, logs: Path, programme: Programme, engine: SiteEngine) -> None:
        self._folder, self._logs, self._programme, self._engine = home, logs, programme, engine
        self._ahead = timedelta(0)
        self._usernames: dict[bool, str] = {}
        self._pool = Pool.objects.get(cluster__key=LOCAL_CLUSTER)
        self._owner = Allocation.objects.select_related("project", "agreed_by").get(
            pool=self._pool, state=Allocation.State.ACTIVE
        )
        self._entry = WaitlistEntry.objects.select_related("project", "application__applicant").get(
            application__call__key=REHEARSAL
        )

    def rehearse(self, *, by: Actor, said: Callable[[], None]) -> TakeBack:
        """Runs the whole scene; `said` is called at each of its five steps."""
        offset = clock.rehearse(clock.now())
        self._ahead = timedelta(seconds=offset)
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        self._engine.start(self._pool)
        StateFolder(self._folder).keep_site(self._engine.described(self._pool))
        self._usernames = {lent: self._username(lent=lent, by=by) for lent in (False, True)}
        with ExitStack() as running:
            serve = ["hub", "serve", "--no-studies", "--port", str(port)]
            running.enter_context(process(serve, log=self._logs / "hub.log", offset_s=offset))
            wait_for("the hub's server", lambda: _listens(port))
            self._enrol(address, by)
            follow = ["agent", "run", "--state", str(self._folder)]
            follow += ["--clock-offset-s", str(offset)]
            running.enter_context(process(follow, log=self._logs / "agent.log", offset_s=offset))
            wait_for("the agent to bind the allocation", self._bound)
            said()
            return self._scene(said)

    def _scene(self, said: Callable[[], None]) -> TakeBack:
        first = self._finished(self._submit(STEPS, lent=False))
        wait_for("the site to report that its owner is idle", self._idle)
        said()
        idle_since = time.monotonic()
        wait_for("the hub to lend", self._lend)
        wait_for("the agent to apply what was lent", self._applied)
        borrowed = self._submit(STEPS, lent=True)
        wait_for("the lent job to run", lambda: self._running(borrowed))
        idle_to_lent_s = time.monotonic() - idle_since
        checkpoint = self._checkpoints(borrowed) / "model.npz"
        wait_for("the lent job's first checkpoint", lambda: checkpoint.exists() or None)
        said()
        returned = self._finished(self._submit(RETURN_STEPS, lent=False))
        said()
        lent = self._finished(borrowed)
        said()
        mine, theirs = self._result(first.job), self._result(borrowed)
        return TakeBack(
            idle_to_lent_s=round(idle_to_lent_s, 2),
            owner_start_s=_seconds_until_start(returned),
            lent_attempts=lent.attempt,
            lent_resumed_at_step=self._resumed_at(borrowed),
            accuracy=theirs["accuracy"],
            same_weights=mine["weights"] == theirs["weights"],
        )

    def finish(self) -> list[str]:
        """The agent's last word before the month closes; its engine is opened here for it."""
        folder = StateFolder(self._folder)
        site = folder.site()
        with (
            folder.held(),
            open_engine(site, folder=self._folder, clock=clock.now, ahead=self._ahead) as engine,
        ):
            agent = Agent(
                state=folder,
                spool=folder.spool(),
                backend=engine,
                connect=connect,
                clock=clock.now,
                report_every_s=1,
            )
            done = agent.step()
        return [*done.site.problems, *(str(e.error) for e in (done.pulled, done.sent) if e.error)]

    def _enrol(self, address: str, by: Actor) -> None:
        cluster = Cluster.objects.get(key=LOCAL_CLUSTER)
        token = issue_enrolment_token(cluster=cluster, by=by, now=clock.now())
        subprocess.run(  # noqa: S603  # our own command
            [
                sys.executable, "-m", "dure", "agent", "enrol",
                "--hub", address, "--state", str(self._folder),
            ],
            env={**os.environ, "DURE_ENROL_TOKEN": token},
            stdout=subprocess.DEVNULL,
            check=True,
        )  # fmt: skip

    def _cluster(self) -> Cluster:
        return Cluster.objects.get(key=LOCAL_CLUSTER)

    def _applied(self) -> bool | None:
        cluster = self._cluster()
        return cluster.applied_revision == cluster.desired_revision or None

    def _bound(self) -> bool | None:
        jobs = (self._folder / jobs_socket.NAME).exists()
        return (jobs and self._applied()) or None

    def _idle(self) -> bool | None:
        said = self._cluster().inventory
        return bool(said and said[0]["owner_accelerators"] == 0) or None

    def _lend(self) -> bool | None:
        step(programme=self._programme, now=clock.now())
        return LentRight.objects.filter(pool=self._pool).exists() or None

    def _project(self, *, lent: bool) -> Project:
        return self._entry.project if lent else self._owner.project

    def _username(self, *, lent: bool, by: Actor) -> str:
        """Who hands in the jobs of the owner, or of the one it is lent to: a member."""
        person = self._entry.application.applicant if lent else self._owner.agreed_by
        if person is None:
            raise DemoStuck("nobody has signed for the allocation on this machine")
        if self._engine.account is None:
            return person.username
        found = User.objects.filter(username=self._engine.account).first()
        user = found or people.add_user(
            username=self._engine.account,
            role=Role.APPLICANT,
            organisation=person.organisation,
            by=by,
            now=clock.now(),
        )
        members.add(project=self._project(lent=lent), user=user, by=by, now=clock.now())
        return user.username

    def _submit(self, steps: int, *, lent: bool) -> str:
        request = JobRequest(
            project=self._project(lent=lent).key,
            allocation=None if lent else self._owner.key,
            pool=self._pool.key,
            accelerators=self._pool.accelerators_per_node,
            command=(
                sys.executable, "-m", "dure.cli.demo.training", "--steps", str(steps),
                "--step-s", str(STEP_S), "--checkpoint-every", str(SAVED_EVERY),
            ),
            username=self._usernames[lent],
            working_directory=str(self._folder),
        )  # fmt: skip
        job = jobs_socket.ask(self._folder, jobs_socket.Submit(request=request)).job
        if job is None:
            raise DemoStuck("the engine took a job and gave it no id")
        return job

    def _job(self, job: str) -> JobStatus:
        listed = jobs_socket.ask(self._folder, jobs_socket.ListJobs()).jobs
        return next(status for status in listed if status.job == job)

    def _running(self, job: str) -> JobStatus | None:
        status = self._job(job)
        return status if status.state == "running" else None

    def _finished(self, job: str) -> JobStatus:
        def look() -> JobStatus | None:
            status = self._job(job)
            if status.state in {"failed", "cancelled"}:
                raise DemoStuck(f"job {job} ended as {status.state}; see {self._logs}")
            return status if status.state == "completed" else None

        return wait_for(f"job {job} to complete", look)

    def _checkpoints(self, job: str) -> Path:
        return self._engine.files_of(self._folder, job) / "checkpoint"

    def _result(self, job: str) -> dict[str, float]:
        written = (self._checkpoints(job) / "result.json").read_text(encoding="utf-8")
        result: dict[str, float] = json.loads(written)
        return result

    def _resumed_at(self, job: str) -> int:
        """The step that the last attempt of a job began with, from its own output."""
        logs = self._engine.files_of(self._folder, job).glob("attempt-*/rank-0.log")
        starts = [
            int(line.rsplit(" ", 1)[1])
            for log in logs
            for line in log.read_text(encoding="utf-8").splitlines()
            if " starts at step " in line
        ]
        return max(starts, default=0)


def _seconds_until_start(job: JobStatus) -> float:
    """An engine that records whole seconds may say that it started a moment before."""
    if job.started is None:
        return PATIENCE_S
    return max(0.0, round((job.started - job.submitted).total_seconds(), 3))


def _listens(port: int) -> bool | None:
    """Whether the server takes connections; whether it answers, the agent's enrolment shows."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return None
    return True
