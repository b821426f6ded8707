"""`dure agent discover`, `doctor`, `plan`: looking at a site before and while it is bound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, cast

import typer
import yaml

from dure.agent import inspection
from dure.agent.inspection import Finding
from dure.agent.site import SlurmConfig
from dure.agent.state import StateFolder
from dure.backends.slurm import discovery, refusals, settings
from dure.backends.slurm.discovery import Proposal
from dure.backends.slurm.examiner import ask
from dure.backends.slurm.shortfalls import table_of
from dure.backends.slurm.site import COMMANDS, SlurmPool
from dure.backends.slurm.tools import Slurm, environment_of
from dure.cli.agent_terminal import (
    FAILED,
    UNUSABLE,
    AsJson,
    ClockOffset,
    State,
    clock,
    connect,
    errors_said,
    print_json,
    print_pairs,
    sentence,
    stop,
)

SlurmConf = Annotated[
    Path | None,
    typer.Option(envvar="SLURM_CONF", help="slurm.conf, where Slurm does not find it by itself."),
]
_WIDTH: Final = 8
"""Of `problem` and a space."""


def discover(
    *,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state", envvar="DURE_AGENT_STATE", help="With --write: the agent's state folder."
        ),
    ] = None,
    slurm_conf: SlurmConf = None,
    commands: Annotated[str, typer.Option(help="Folders of Slurm's commands, by colons.")] = (
        COMMANDS
    ),
    pool: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these, named as in the programme: PARTITION=POOL:MODEL, or "
            "PARTITION/TYPE=POOL:MODEL where a partition has several types. Repeat it."
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write site.yaml into the state folder.")
    ] = False,
) -> None:
    """Look at this Slurm cluster and propose its site.yaml. Changes nothing in Slurm."""
    with errors_said():
        site, remarks = _found(slurm_conf, commands)
        if pool:
            site = site.model_copy(update={"pools": tuple(_named(site.pools, pool))})
        folder = None if state is None else StateFolder(state)
        for remark in remarks:
            typer.echo(f"# {remark}", err=write)
        if not write:
            typer.echo(yaml.safe_dump(_essential(site), sort_keys=False), nl=False)
            return
        if folder is None:
            stop("say where with --state FOLDER", UNUSABLE)
        if (folder.root / "site.yaml").exists():
            stop(f"{folder.root / 'site.yaml'} is already there; edit or remove it", UNUSABLE)
        folder.keep_site(site)
    typer.echo(f"written: {folder.root / 'site.yaml'}; next: dure agent doctor --state {state}")


def described(
    partition: str, *, pool: str, model: str, slots: int | None, slurm_conf: Path | None
) -> SlurmConfig:
    """The site whose only pool is this partition. Ends the command where there is none."""
    site, _ = _found(slurm_conf, COMMANDS)
    here = [one for one in site.pools if one.partition == partition]
    if len(here) != 1:
        known = ", ".join(sorted({one.partition for one in site.pools})) or "none"
        what = "has accelerators of several types" if here else "is none of those that can be pools"
        stop(f"partition {partition} {what}; look at `dure agent discover` ({known})", UNUSABLE)
    named = {"pool": pool, "model": model, "suffix": ""}
    given = {} if slots is None else {"accelerators": slots}
    return site.model_copy(update={"pools": (here[0].model_copy(update=named | given),)})


def doctor(state: State, *, clock_offset_s: ClockOffset = 0, as_json: AsJson = False) -> None:
    """Look at all the agent needs, and at what this site can really enforce."""
    folder, now = StateFolder(state), clock(clock_offset_s)
    with errors_said():
        seen = inspection.examined(folder, connect=connect, clock=now)
        can = seen.capabilities
    findings = [
        *seen.findings,
        *(
            Finding(
                about=one.about,
                level=one.level,
                found=one.found,
                says=sentence(one.says),
                change=one.change,
            )
            for one in seen.engine
        ),
    ]
    if as_json:
        print_json(
            {
                "findings": [finding.model_dump(mode="json") for finding in findings],
                "capabilities": can and can.model_dump(mode="json"),
            }
        )
    else:
        for finding in findings:
            _print_finding(finding)
        if can is None:
            typer.echo("the engine has not reported yet what it can enforce; run the agent once")
        else:
            enforced = can.model_dump(mode="json", exclude={"findings"})
            print_pairs("what this site enforces", cast("dict[str, object]", enforced))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(FAILED)


def plan(
    state: State,
    *,
    commands: Annotated[
        bool, typer.Option("--commands", help="Print Slurm's commands instead, in their order.")
    ] = False,
    clock_offset_s: ClockOffset = 0,
) -> None:
    """Print what the agent would change on this site now. Changes nothing."""
    with errors_said():
        print_plan(StateFolder(state), commands=commands, offset_s=clock_offset_s)


def print_plan(folder: StateFolder, *, commands: bool, offset_s: int) -> None:
    """A line for each change, or for each command."""
    with connect(folder.home()) as hub:
        found = inspection.planned(folder, hub, clock=clock(offset_s))
    lines = found.commands if commands else found.lines
    nothing = "no command of Slurm" if commands and found.lines else "nothing to change"
    typer.echo("\n".join(lines) if lines else nothing)


def submit_script() -> None:
    """Print job_submit.lua: at a Slurm login node it says why a job is refused and what to do."""
    typer.echo(refusals.script(), nl=False)


def _found(slurm_conf: Path | None, commands: str) -> tuple[SlurmConfig, tuple[str, ...]]:
    where = None if slurm_conf is None else str(slurm_conf.resolve())
    slurm = Slurm(environment_of(slurm_conf=where, commands=commands))
    found = ask(slurm)
    offered: Proposal = discovery.proposed(found, slurm.ask(*settings.NODES))
    if not offered.pools:
        said = "; ".join(offered.remarks) or "it has no partition"
        stop(f"cluster {found.cluster} offers no accelerators: {said}", FAILED)
    site = SlurmConfig(
        cluster=found.cluster,
        pools=offered.pools,
        slurm_conf=where,
        commands=commands,
        submit_table=table_of(found) if "lua" in found.words("JobSubmitPlugins") else None,
    )
    return site, offered.remarks


def _named(pools: tuple[SlurmPool, ...], asked: list[str]) -> list[SlurmPool]:
    """The pools that were asked for, in that order, by the programme's names."""
    made: list[SlurmPool] = []
    for one in asked:
        place, sign, names = one.partition("=")
        pool, colon, model = names.partition(":")
        if not (sign and colon and pool and model):
            stop(f"{one}: write PARTITION=POOL:MODEL", UNUSABLE)
        partition, _, kind = place.partition("/")
        here = [p for p in pools if p.partition == partition and kind in {"", p.type}]
        if len(here) != 1:
            known = ", ".join(p.partition + (f"/{p.type}" if p.type else "") for p in pools)
            stop(f"{place}: say one of {known}", UNUSABLE)
        made.append(here[0].model_copy(update={"pool": pool, "model": model}))
    return [made[0].model_copy(update={"suffix": ""}), *made[1:]]


def _essential(site: SlurmConfig) -> dict[str, object]:
    """What differs from the defaults, and the engine's name."""
    return {"engine": site.engine, **site.model_dump(mode="json", exclude_defaults=True)}


def _print_finding(finding: Finding) -> None:
    found = f" ({finding.found})" if finding.found else ""
    typer.echo(f"{finding.level:{_WIDTH}} {finding.about}{found}: {finding.says}")
    for number, line in enumerate(finding.change.splitlines()):
        typer.echo(f"{'':{_WIDTH}}   {'and:' if number else 'change:'} {line}")
