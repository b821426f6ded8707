"""`dure agent`: enrol a site, run its agent, look at it, hand jobs to its engine.

The looking and leaving stands in `agent_site_commands`, the jobs in `agent_jobs_commands`; how
errors and exit codes are said, in `agent_terminal`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from dure.agent import inspection, jobs_socket, workplace
from dure.agent.loop import Agent
from dure.agent.order_desk import OrderDesk
from dure.agent.run import Pace, Runner, stopped_by_signals
from dure.agent.site import LocalConfig, SiteConfig, open_engine
from dure.agent.state import Home, StateFolder
from dure.cli import agent_jobs_commands, agent_leave_command, agent_site_commands
from dure.cli.agent_terminal import (
    FAILED,
    UNUSABLE,
    AsJson,
    ClockOffset,
    State,
    clock,
    connect,
    errors_said,
    log_to_stderr,
    print_json,
    print_pairs,
    stop,
)
from dure.client import SiteClient
from dure.protocol import Enrolment

app = typer.Typer(
    help="Run a site: enrol it with a hub, keep its engine as the hub wants it, report its use.",
    no_args_is_help=True,
)

Pool = Annotated[str | None, typer.Option(help="Its pool in the programme.")]
Model = Annotated[str | None, typer.Option(help="Its accelerator model in the programme.")]
Slots = Annotated[
    int | None,
    typer.Option(min=1, help="How many accelerators to hand out; of a partition all, unless said."),
]
Partition = Annotated[
    str | None, typer.Option(help="On a Slurm cluster: the partition that is the pool.")
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
    partition: Partition = None,
    slurm_conf: agent_site_commands.SlurmConf = None,
) -> None:
    """Trade a one-time token for this site's credential.

    The state folder needs a site.yaml. Where there is none, --pool, --model and --slots write one
    for this machine, and --pool, --model and --partition one for a Slurm cluster;
    `dure agent discover` proposes one for several pools.
    """
    if not hub.startswith(("http://", "https://")):
        stop(f"{hub} is not an address; write one such as https://hub.example.org", UNUSABLE)
    folder = StateFolder(state)
    with errors_said(), folder.held():
        site = _described(
            folder,
            pool=pool,
            model=model,
            slots=slots,
            partition=partition,
            slurm_conf=slurm_conf,
        )
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
    log_to_stderr()
    folder, now = StateFolder(state), clock(clock_offset_s)
    with errors_said():
        if dry_run:
            agent_site_commands.print_plan(folder, commands=False, offset_s=clock_offset_s)
            return
        site = folder.site()
        ahead = timedelta(seconds=clock_offset_s)
        with folder.held(), open_engine(site, folder=state, clock=now, ahead=ahead) as engine:
            agent = Agent(
                state=folder,
                spool=folder.spool(),
                backend=engine,
                connect=connect,
                clock=now,
                report_every_s=site.report_every_s,
                desk=OrderDesk(
                    queue=engine,
                    path=state / "orders.json",
                    place=workplace.of(site, state=state, takes_orders=site.takes_orders),
                ),
            )
            if once:
                _once(agent)
                return
            runner = Runner(
                agent=agent, state=folder, clock=now, pace=Pace(tend_every_s=site.tend_every_s)
            )
            with jobs_socket.serving(engine, state), stopped_by_signals(runner):
                runner.run()


@app.command()
def status(state: State, *, as_json: AsJson = False) -> None:
    """Say how the agent stands: hub, revisions, waiting reports, problems."""
    with errors_said():
        found = inspection.status(StateFolder(state)).model_dump(mode="json")
    if as_json:
        print_json(found)
    else:
        print_pairs(f"agent of {found['cluster']}", found)


@app.command()
def replay(state: State) -> None:
    """Say every kept report again, for a hub restored from a backup.

    The hub knows records it already has by their keys, so nothing is counted twice. Stop the
    agent first; the next run sends them.
    """
    folder = StateFolder(state)
    with errors_said(), folder.held():
        count = folder.spool().say_again()
    typer.echo(f"reports waiting to be said again: {count}; start the agent")


app.command()(agent_site_commands.discover)
app.command()(agent_site_commands.doctor)
app.command()(agent_site_commands.plan)
app.command()(agent_leave_command.leave)
app.command("submit-script")(agent_site_commands.submit_script)
app.command(context_settings={"ignore_unknown_options": True})(agent_jobs_commands.submit)
app.command()(agent_jobs_commands.cancel)
app.command()(agent_jobs_commands.jobs)


def _described(
    folder: StateFolder,
    *,
    pool: str | None,
    model: str | None,
    slots: int | None,
    partition: str | None,
    slurm_conf: Path | None,
) -> SiteConfig:
    site: SiteConfig
    if pool is None or model is None:
        return folder.site()
    if partition is not None:
        site = agent_site_commands.described(
            partition, pool=pool, model=model, slots=slots, slurm_conf=slurm_conf
        )
    elif slots is not None:
        site = LocalConfig(pool=pool, model=model, slots=slots)
    else:
        return folder.site()
    folder.keep_site(site)
    return site


def _once(agent: Agent) -> None:
    done = agent.step()
    problems = [*done.site.problems, *(str(e.error) for e in (done.pulled, done.sent) if e.error)]
    changed, sent = len(done.site.reconciled.changes), done.sent.moved
    typer.echo(f"changes: {changed}, reports written: {done.site.spooled}, sent: {sent}")
    for problem in dict.fromkeys(problems):
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(FAILED)
