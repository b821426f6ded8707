"""`dure agent leave`: going from a Slurm cluster without a trace.

- Without `--yes` it only looks.
- The order: jobs end, their use is counted and said, then what is ours goes from Slurm. What the
  agent keeps beside Slurm is left for the operator to delete; it is named.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from dure.agent.loop import Agent
from dure.agent.site import SlurmConfig, open_engine
from dure.agent.state import StateFolder
from dure.backends.contract import UnableToApplyNow
from dure.backends.slurm import leaving
from dure.backends.slurm.leaving import JobsInTheWay, Leaving
from dure.backends.slurm.tools import Slurm
from dure.cli.agent_terminal import (
    FAILED,
    UNUSABLE,
    ClockOffset,
    State,
    clock,
    connect,
    errors_said,
    stop,
)

JOBS_END_WITHIN_S: Final = 120.0
"""Two of Slurm's usual graces of 30 s, and an epilog."""

COUNTED_WITHIN_S: Final = 60.0
"""slurmdbd is a second or two behind, up to half a minute on a busy cluster."""

PAUSE_S: Final = 1.0


def leave(
    state: State,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only look.")] = False,
    cancel_jobs: Annotated[
        bool, typer.Option("--cancel-jobs", help="End the jobs that are in the way, with grace.")
    ] = False,
    without_report: Annotated[
        bool,
        typer.Option(
            "--without-report", help="Leave although the hub cannot be told the last use."
        ),
    ] = False,
    commands: Annotated[
        bool, typer.Option("--commands", help="Print Slurm's commands when only looking.")
    ] = False,
    clock_offset_s: ClockOffset = 0,
) -> None:
    """Remove everything of Dure from this Slurm cluster, and nothing else. Looks only, first.

    Stop the agent before. The hub must have been told that the cluster leaves: an agent that is
    started again sets everything up again.
    """
    folder, now = StateFolder(state), clock(clock_offset_s)
    with errors_said():
        config = folder.site()
        if not isinstance(config, SlurmConfig):
            stop(f"nothing of this site lies outside {state}; stop the agent, delete it", UNUSABLE)
        slurm, own = Slurm.of(config), state / config.engine_state
        found = leaving.look(slurm, site=config, folder=own, clock=now)
        if not yes:
            _print(found, commands=commands)
            typer.echo("nothing was changed; do it with --yes")
            return
        with folder.held():
            _end_jobs(slurm, config, own, now, cancel=cancel_jobs)
            if not without_report:
                _say_the_last(folder, config, now)
            left = leaving.leave(slurm, site=config, folder=own, clock=now)
    for problem in left.problems:
        typer.echo(problem, err=True)
    if not left.done:
        stop(f"still there: {', '.join((*left.qos, *left.accounts))}", FAILED)
    typer.echo("nothing of Dure is left in Slurm; delete what is beside it:")
    typer.echo(f"  {state}  (credential, reports)")
    typer.echo("  the agent's service, and from slurm.conf's folder what was put there for it")


def _print(found: Leaving, *, commands: bool) -> None:
    if commands:
        typer.echo("\n".join(found.commands))
        return
    typer.echo(f"QOS: {', '.join(found.qos) or 'none'}")
    typer.echo(f"accounts: {', '.join(found.accounts) or 'none'}")
    typer.echo(f"people with seats in them: {found.people}")
    typer.echo(f"jobs in the way: {', '.join(found.jobs) or 'none'}")


def _end_jobs(
    slurm: Slurm, config: SlurmConfig, own: Path, now: Callable[[], datetime], *, cancel: bool
) -> None:
    """Returns when no job is left; raises JobsInTheWay."""
    until = time.monotonic() + JOBS_END_WITHIN_S
    told: set[str] = set()
    while jobs := leaving.look(slurm, site=config, folder=own, clock=now).jobs:
        if not cancel:
            raise JobsInTheWay(
                f"jobs that are not over: {len(jobs)}; wait, or end them with --cancel-jobs"
            )
        if time.monotonic() > until:
            raise JobsInTheWay(f"jobs do not end: {', '.join(jobs[: leaving.NAMED])}")
        if fresh := set(jobs) - told:
            slurm.do("scancel", *sorted(fresh))
            told |= fresh
        time.sleep(PAUSE_S)


def _say_the_last(folder: StateFolder, config: SlurmConfig, now: Callable[[], datetime]) -> None:
    """All use until now is at the hub when this returns."""
    ended = now()
    until = time.monotonic() + COUNTED_WITHIN_S
    with open_engine(config, folder=folder.root, clock=now) as engine:
        agent = Agent(
            state=folder, spool=folder.spool(), backend=engine, connect=connect, clock=now
        )
        while True:
            through = agent.count()
            if through is not None and through >= ended:
                break
            if time.monotonic() > until:
                raise UnableToApplyNow(
                    "Slurm's accounting is behind; the last use is not counted yet, try again"
                )
            time.sleep(PAUSE_S)
        error = agent.send().error
    if error is not None:
        stop(f"{error}; the last use is not said: --without-report leaves all the same", FAILED)
