"""`dure agent`: enrol a site, run its agent, look at it, hand jobs to its local engine.

- Exit 0: done. Exit 1: it was tried and did not work (refused, away, a problem found).
  Exit 2: it could not be tried (not enrolled, no site description, options that do not fit).
- Errors are one sentence with what to do, on stderr; no traceback, never a token.
"""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final, NoReturn

import structlog
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Column, Table

from dure.agent import inspection, jobs_socket, workplace
from dure.agent.loop import Agent
from dure.agent.order_desk import OrderDesk
from dure.agent.run import Pace, Runner, stopped_by_signals
from dure.agent.site import SiteConfig, open_engine
from dure.agent.spool import SpoolError
from dure.agent.state import Home, StateError, StateFolder
from dure.backends.contract import JobRequest
from dure.backends.local import StateDirectoryInUse
from dure.client import ClientError, SiteClient
from dure.protocol import Enrolment

FAILED: Final = 1
UNUSABLE: Final = 2

app = typer.Typer(
    help="Run a site: enrol it with a hub, keep its engine as the hub wants it, report its use.",
    no_args_is_help=True,
)

State = Annotated[
    Path,
    typer.Option("--state", envvar="DURE_AGENT_STATE", help="The agent's state folder."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Pool = Annotated[str | None, typer.Option(help="This machine's pool in the programme.")]
Model = Annotated[str | None, typer.Option(help="Its accelerator model in the programme.")]
Slots = Annotated[int | None, typer.Option(min=1, help="How many accelerators to hand out.")]
ClockOffset = Annotated[
    int,
    typer.Option(
        help="For rehearsals: live this many seconds in the future (or past, if negative). "
        "Use it from the first run of a state folder on, or not at all."
    ),
]


@app.command()
def enrol(
    hub: Annotated[str, typer.Option(help="The hub's address, such as https://hub.example.org")],
    token: Annotated[
        str,
        typer.Option(envvar="DURE_ENROL_TOKEN", help="The one-time token the operator gave you."),
    ],
    state: State,
    *,
    pool: Pool = None,
    model: Model = None,
    slots: Slots = None,
) -> None:
    """Trade a one-time token for this site's credential.

    The state folder needs a site.yaml; where there is none, --pool, --model and --slots write it.
    """
    if not hub.startswith(("http://", "https://")):
        _stop(f"{hub} is not an address; write one such as https://hub.example.org", UNUSABLE)
    folder = StateFolder(state)
    with _errors_said(), folder.held():
        site = _described(folder, pool=pool, model=model, slots=slots)
        with SiteClient(hub, None) as client:
            credential = client.enrol(
                Enrolment(token=token, agent_version=version("dure"), engine=site.engine)
            )
        folder.keep_home(Home(hub=hub, credential=credential, issued_at=datetime.now(UTC)))
    typer.echo(f"enrolled as cluster {credential.cluster}, until {credential.expires:%Y-%m-%d}")
    typer.echo(f"next: dure agent run --state {state}")


@app.command()
def run(
    state: State,
    *,
    once: Annotated[bool, typer.Option("--once", help="One step, then stop.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would change; change nothing.")
    ] = False,
    clock_offset_s: ClockOffset = 0,
) -> None:
    """Keep this site as the hub wants it, and report what is used.

    Runs until SIGTERM. While the hub is away the site runs on as last agreed and reports wait on
    the disk. Jobs outlive the agent.
    """
    _log_to_stderr()
    folder, clock = StateFolder(state), _clock(clock_offset_s)
    with _errors_said():
        if dry_run:
            with _connect(folder.home()) as client:
                lines = inspection.planned(folder, client)
            typer.echo("\n".join(lines) if lines else "nothing to change")
            return
        site = folder.site()
        with folder.held(), open_engine(site, folder=state, clock=clock) as engine:
            agent = Agent(
                state=folder,
                spool=folder.spool(),
                backend=engine,
                connect=_connect,
                clock=clock,
                report_every_s=site.report_every_s,
                desk=OrderDesk(
                    queue=engine,
                    path=state / "orders.json",
                    place=workplace.of(site.engine, state=state),
                ),
            )
            if once:
                _once(agent)
                return
            runner = Runner(
                agent=agent, state=folder, clock=clock, pace=Pace(tend_every_s=site.tend_every_s)
            )
            with jobs_socket.serving(engine, state), stopped_by_signals(runner):
                runner.run()


@app.command()
def doctor(state: State, *, clock_offset_s: ClockOffset = 0, as_json: AsJson = False) -> None:
    """Look at all the agent needs, and at what this site can really enforce."""
    folder, now = StateFolder(state), _clock(clock_offset_s)()
    with _errors_said():
        with _connect(folder.home()) as client:
            findings = inspection.examined(folder, client, now=now)
        can = inspection.capabilities(folder)
    if as_json:
        _print_json(
            {
                "findings": [finding.model_dump(mode="json") for finding in findings],
                "capabilities": can and can.model_dump(mode="json"),
            }
        )
    else:
        for finding in findings:
            typer.echo(f"{'ok     ' if finding.ok else 'problem'}  {finding.about}: {finding.says}")
        if can is None:
            typer.echo("the engine has not reported yet what it can enforce; run the agent once")
        else:
            _print_pairs("what this site enforces", can.model_dump(mode="json"))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(FAILED)


@app.command()
def status(state: State, *, as_json: AsJson = False) -> None:
    """Say how the agent stands: hub, revisions, waiting reports, problems."""
    with _errors_said():
        found = inspection.status(StateFolder(state)).model_dump(mode="json")
    if as_json:
        _print_json(found)
    else:
        _print_pairs(f"agent of {found['cluster']}", found)


@app.command()
def replay(state: State) -> None:
    """Say every kept report again, for a hub restored from a backup.

    The hub knows records it already has by their keys, so nothing is counted twice. Stop the
    agent first; the next run sends them.
    """
    folder = StateFolder(state)
    with _errors_said(), folder.held():
        count = folder.spool().say_again()
    typer.echo(f"reports waiting to be said again: {count}; start the agent")


@app.command(context_settings={"ignore_unknown_options": True})
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
    user: Annotated[str | None, typer.Option(help="Whose job; you, unless said.")] = None,
    directory: Annotated[Path, typer.Option(help="Where it runs.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Hand a job to the local engine of a running agent and print its id.

    Example: dure agent submit --project p-1 --allocation a-1 --accelerators 4 -- python train.py
    """
    if lent == (allocation is not None):
        _stop("say either --allocation A (guaranteed) or --lent (preemptible)", UNUSABLE)
    with _errors_said():
        request = JobRequest(
            project=project,
            allocation=allocation,
            pool=StateFolder(state).site().pool,
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
            _stop(f"{refusal}{hint}", FAILED)
    if as_json:
        _print_json({"job": answer.job})
    else:
        typer.echo(answer.job)


@app.command()
def cancel(job: Annotated[str, typer.Argument(help="The job's id.")], state: State) -> None:
    """End a job of the local engine; a running one gets its grace period."""
    with _errors_said():
        jobs_socket.ask(state, jobs_socket.Cancel(job=job))
    typer.echo(f"{job} ends")


@app.command()
def jobs(state: State, *, as_json: AsJson = False) -> None:
    """List the local engine's jobs, and why each waiting one waits."""
    with _errors_said():
        found = jobs_socket.ask(state, jobs_socket.ListJobs()).jobs
    if as_json:
        _print_json([job.model_dump(mode="json") for job in found])
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


def _described(
    folder: StateFolder, *, pool: str | None, model: str | None, slots: int | None
) -> SiteConfig:
    if pool is None or model is None or slots is None:
        return folder.site()
    site = SiteConfig(pool=pool, model=model, slots=slots)
    folder.keep_site(site)
    return site


def _connect(home: Home) -> SiteClient:
    return SiteClient(home.hub, home.credential.token.get_secret_value())


def _clock(offset_s: int) -> Callable[[], datetime]:
    offset = timedelta(seconds=offset_s)
    return lambda: datetime.now(UTC) + offset


def _once(agent: Agent) -> None:
    done = agent.step()
    problems = [*done.site.problems, *(str(e.error) for e in (done.pulled, done.sent) if e.error)]
    changed, sent = len(done.site.reconciled.changes), done.sent.moved
    typer.echo(f"changes: {changed}, reports written: {done.site.spooled}, sent: {sent}")
    for problem in dict.fromkeys(problems):
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(FAILED)


@contextmanager
def _errors_said() -> Iterator[None]:
    """The errors we know become a sentence and an exit code."""
    try:
        yield
    except (StateError, StateDirectoryInUse) as error:
        _stop(str(error), UNUSABLE)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        _stop(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", UNUSABLE)
    except (ClientError, SpoolError, jobs_socket.NoAgent, jobs_socket.JobNotTaken) as error:
        _stop(str(error), FAILED)


def _stop(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _print_pairs(title: str, pairs: dict[str, object]) -> None:
    table = Table(title=title, show_header=False, title_justify="left")
    for name, value in pairs.items():
        table.add_row(name.replace("_", " "), _plain(value))
    Console().print(table)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(map(_plain, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items())
    return "" if value is None else str(value)


def _log_to_stderr() -> None:
    """A line per event: for people on a terminal, JSON elsewhere. Tracebacks show no variables."""
    renderers: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
