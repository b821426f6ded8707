"""What an operator asks about an agent: how it stands, what it would change, what is wrong.

- Looks at the state folder (and, for `planned` and `examined`, at the hub); changes nothing, and
  works beside a running agent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, computed_field

from dure.agent import changes, site, spool
from dure.agent.site import SiteConfig, SlurmConfig
from dure.agent.state import Home, NotEnrolled, StateError, StateFolder
from dure.backends.contract import UnableToApplyNow
from dure.backends.reconcile import diff
from dure.backends.slurm.examiner import Examiner
from dure.backends.slurm.tools import CommandRefused, Slurm
from dure.client import ClientError, HubAway, SiteClient
from dure.protocol import Capabilities, Credential, Desired, Drift, SiteFinding
from dure.vocabulary.frozen import Frozen


class Status(Frozen):
    """How the agent on one state folder stands."""

    cluster: str
    hub: str
    running: bool
    hub_state: Literal["reached", "away", "refused", "never asked"]
    last_step: AwareDatetime | None
    credential_expires: AwareDatetime
    desired_revision: int | None
    applied_revision: int | None
    complete_through: AwareDatetime | None
    waiting_reports: int
    waiting_bytes: int
    problems: tuple[str, ...]
    drift: tuple[Drift, ...]


class Finding(Frozen):
    """One thing the doctor looked at: what was found, what it means, what to change."""

    about: str
    level: Literal["ok", "note", "problem"]
    says: str
    found: str = ""
    change: str = ""

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own way, unknown to mypy
    @property
    def ok(self) -> bool:
        """Whether nothing has to be changed."""
        return self.level != "problem"


class Seen(Frozen):
    """All the doctor looked at: the agent's own needs, and the engine's configuration."""

    findings: tuple[Finding, ...]
    engine: tuple[SiteFinding, ...] = ()
    capabilities: Capabilities | None = None


def status(state: StateFolder) -> Status:
    """Raises `StateError` where the folder is not an agent's."""
    home, health, desired = state.home(), state.health(), state.desired()
    found = spool.look(state.root / "spool")
    newest = found.newest
    return Status(
        cluster=home.credential.cluster,
        hub=home.hub,
        running=state.is_held(),
        hub_state=health.hub if health else "never asked",
        last_step=health.at if health else None,
        credential_expires=home.credential.expires,
        desired_revision=desired.revision if desired else None,
        applied_revision=newest.applied_revision if newest else None,
        complete_through=newest.complete_through if newest else None,
        waiting_reports=found.backlog.reports,
        waiting_bytes=found.backlog.size_bytes,
        problems=health.problems if health else (),
        drift=newest.drift if newest else (),
    )


class Planned(Frozen):
    """What the next step would change: a line for each change, and the commands it would run."""

    lines: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


def planned(state: StateFolder, hub: SiteClient, *, clock: Callable[[], datetime]) -> Planned:
    """Changes nothing. Raises a final `ClientError`, or UnableToApplyNow where Slurm is away."""
    desired = _desired_now(state, hub)
    if desired is None:
        return Planned()
    config = state.site()
    observed = site.engine_holds(config, folder=state.root, clock=clock)
    change = diff(desired, observed)
    lines = tuple(changes.line(one, observed) for one in change)
    if not isinstance(config, SlurmConfig):
        return Planned(lines=lines)
    books = site.slurm_books(config, folder=state.root, clock=clock)
    caretaker = site.slurm_caretaker(config, folder=state.root, clock=clock)
    upkeep = caretaker.steps(desired.maintenance, desired.drains)
    told = tuple(f"{step.subject}: {step.found} -> {step.expected}" for step in upkeep)
    commands = books.commands(change) if change else ()
    return Planned(
        lines=(*lines, *told), commands=(*commands, *(" ".join(step.argv) for step in upkeep))
    )


def examined(
    state: StateFolder,
    *,
    connect: Callable[[Home], SiteClient],
    clock: Callable[[], datetime],
) -> Seen:
    """Everything an agent needs, each looked at; a Slurm site is asked now, enrolled or not."""
    about_site, config = _site(state)
    try:
        home = state.home()
    except NotEnrolled:
        says = "none yet; ask the hub's operator for a token and run `dure agent enrol`"
        enrolment = [Finding(about="credential", level="note", says=says)]
    else:
        with connect(home) as hub:
            enrolment = [_hub(hub, home.hub), _credential(home.credential, now=clock())]
    own = [about_site, *enrolment, _backlog(state)]
    if not isinstance(config, SlurmConfig):
        newest = spool.look(state.root / "spool").newest
        return Seen(
            findings=tuple(own), capabilities=None if newest is None else newest.capabilities
        )
    return _with_slurm(state, config, own, clock)


def _with_slurm(
    state: StateFolder, config: SlurmConfig, own: list[Finding], clock: Callable[[], datetime]
) -> Seen:
    desired = state.desired()
    grace_s = Desired.model_fields["grace_s"].default if desired is None else desired.grace_s
    try:
        found = Examiner(slurm=Slurm.of(config), site=config, clock=clock).examine(grace_s)
    except (UnableToApplyNow, CommandRefused) as error:
        away = Finding(about="slurmctld", level="problem", says=str(error))
        return Seen(findings=(*own, away))
    return Seen(findings=tuple(own), engine=found.findings, capabilities=found.capabilities)


def _desired_now(state: StateFolder, hub: SiteClient) -> Desired | None:
    try:
        return hub.desired()
    except HubAway:
        return state.desired()


def _site(state: StateFolder) -> tuple[Finding, SiteConfig | None]:
    try:
        config = state.site()
    except StateError as error:
        return Finding(about="site", level="problem", says=str(error)), None
    if isinstance(config, SlurmConfig):
        pools = (
            f"pool {p.pool} = partition {p.partition}, {p.accelerators} x {p.model}"
            for p in config.pools
        )
        says = f"Slurm cluster {config.cluster}: {'; '.join(pools)}"
    else:
        says = f"{config.engine} engine, pool {config.pool}, {config.slots} x {config.model}"
    return Finding(about="site", level="ok", says=says), config


def _hub(hub: SiteClient, address: str) -> Finding:
    try:
        hub.desired()
    except ClientError as error:
        return Finding(about="hub", level="problem", says=str(error))
    return Finding(about="hub", level="ok", says=f"{address} answers and knows the credential")


def _credential(credential: Credential, *, now: datetime) -> Finding:
    of, day = f"of cluster {credential.cluster}", f"{credential.expires:%Y-%m-%d}"
    if now < credential.expires:
        return Finding(about="credential", level="ok", says=f"{of}, until {day}")
    says = f"{of}, expired on {day}; ask the hub's operator for a token and enrol again"
    return Finding(about="credential", level="problem", says=says)


def _backlog(state: StateFolder) -> Finding:
    waiting = spool.look(state.root / "spool").backlog
    return Finding(
        about="spool",
        level="ok" if waiting.size_bytes < spool.WAITING_BYTES // 2 else "problem",
        says=f"reports waiting: {waiting.reports} ({waiting.size_bytes} of "
        f"{spool.WAITING_BYTES} bytes)",
    )
