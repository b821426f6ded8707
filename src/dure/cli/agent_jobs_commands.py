"""`dure agent submit`, `cancel`, `jobs`: jobs handed to the engine of a running agent."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from dure.agent import jobs_socket, site
from dure.agent.state import StateFolder
from dure.backends.contract import JobRequest
from dure.cli.agent_terminal import (
    FAILED,
    UNUSABLE,
    AsJson,
    State,
    errors_said,
    print_json,
    stop,
)


def submit(
    command: Annotated[list[str], typer.Argument(help="The command of each process, after --")],
    state: State,
    project: Annotated[str, typer.Option(help="The project the job is for.")],
    accelerators: Annotated[int, typer.Option(min=1, help="One process is started on each.")],
    *,
    allocation: Annotated[
        str | None, typer.Option(help="Use this allocation: guaranteed, never preempted.")
    ] = None,
    lent: Annotated[
        bool, typer.Option("--lent", help="Run on what is idle; may be preempted and waits again.")
    ] = False,
    pool: Annotated[
        str | None, typer.Option(help="Which pool, where the site has several.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Whose job; you, unless said.")] = None,
    directory: Annotated[Path, typer.Option(help="Where it runs.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Hand a job to the engine of a running agent and print its id.

    Example: dure agent submit --project p-1 --allocation a-1 --accelerators 4 -- python train.py
    """
    if lent == (allocation is not None):
        stop("say either --allocation A (guaranteed) or --lent (preemptible)", UNUSABLE)
    with errors_said():
        request = JobRequest(
            project=project,
            allocation=allocation,
            pool=_pool(StateFolder(state), pool),
            accelerators=accelerators,
            command=tuple(command),
            username=user or getpass.getuser(),
            working_directory=str(directory.resolve()),
        )
        try:
            answer = jobs_socket.ask(state, jobs_socket.Submit(request=request))
        except jobs_socket.JobNotTaken as refusal:
            stranger = str(refusal).startswith(f"{request.username} is not a member")
            hint = "; say whose job it is with --user NAME" if stranger and user is None else ""
            stop(f"{refusal}{hint}", FAILED)
    if as_json:
        print_json({"job": answer.job})
    else:
        typer.echo(answer.job)


def cancel(job: Annotated[str, typer.Argument(help="The job's id.")], state: State) -> None:
    """End a job; a running one gets its grace period."""
    with errors_said():
        jobs_socket.ask(state, jobs_socket.Cancel(job=job))
    typer.echo(f"{job} ends")


def jobs(state: State, *, as_json: AsJson = False) -> None:
    """List the engine's jobs, and why each waiting one waits."""
    with errors_said():
        found = jobs_socket.ask(state, jobs_socket.ListJobs()).jobs
    if as_json:
        print_json([job.model_dump(mode="json") for job in found])
        return
    job_id = Column("job", no_wrap=True)  # what `cancel` needs
    table = Table(job_id, "project", "under", "accelerators", "state", "attempt", "waits for")
    for job in found:
        table.add_row(
            job.job,
            job.request.project,
            job.request.allocation or "lent",
            str(job.request.accelerators),
            job.state,
            str(job.attempt),
            job.waits.code if job.waits else "",
        )
    Console().print(table)


def _pool(folder: StateFolder, asked: str | None) -> str:
    known = site.pools(folder.site())
    if asked is None and len(known) > 1:
        stop(f"say which pool with --pool: {', '.join(known)}", UNUSABLE)
    return asked or known[0]
