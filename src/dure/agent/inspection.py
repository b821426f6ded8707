"""What an operator asks about an agent: how it stands, what it would change, what is wrong.

- Looks at the state folder (and, for `planned` and `examined`, at the hub); changes nothing, and
  works beside a running agent.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from dure.agent import changes, site, spool
from dure.agent.state import StateError, StateFolder
from dure.backends.reconcile import diff
from dure.client import ClientError, HubAway, SiteClient
from dure.protocol import Capabilities, Credential, Desired, Drift
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
    """One thing the doctor looked at."""

    about: str
    ok: bool
    says: str


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


def planned(state: StateFolder, hub: SiteClient) -> tuple[str, ...]:
    """What the next step would change, a line each. Raises a final `ClientError`."""
    desired = _desired_now(state, hub)
    if desired is None:
        return ()
    observed = site.engine_holds(state.site(), folder=state.root)
    return tuple(changes.line(change, observed) for change in diff(desired, observed))


def capabilities(state: StateFolder) -> Capabilities | None:
    """What the engine said it can enforce when it last ran; None before its first report."""
    newest = spool.look(state.root / "spool").newest
    return None if newest is None else newest.capabilities


def examined(state: StateFolder, hub: SiteClient, *, now: datetime) -> tuple[Finding, ...]:
    """Everything an agent needs, each looked at."""
    home = state.home()
    return (
        _site(state),
        _hub(hub, home.hub),
        _credential(home.credential, now=now),
        _backlog(state),
    )


def _desired_now(state: StateFolder, hub: SiteClient) -> Desired | None:
    try:
        return hub.desired()
    except HubAway:
        return state.desired()


def _site(state: StateFolder) -> Finding:
    try:
        config = state.site()
    except StateError as error:
        return Finding(about="site", ok=False, says=str(error))
    says = f"{config.engine} engine, pool {config.pool}, {config.slots} x {config.model}"
    return Finding(about="site", ok=True, says=says)


def _hub(hub: SiteClient, address: str) -> Finding:
    try:
        hub.desired()
    except ClientError as error:
        return Finding(about="hub", ok=False, says=str(error))
    return Finding(about="hub", ok=True, says=f"{address} answers and knows the credential")


def _credential(credential: Credential, *, now: datetime) -> Finding:
    of, day = f"of cluster {credential.cluster}", f"{credential.expires:%Y-%m-%d}"
    if now < credential.expires:
        return Finding(about="credential", ok=True, says=f"{of}, until {day}")
    says = f"{of}, expired on {day}; ask the hub's operator for a token and enrol again"
    return Finding(about="credential", ok=False, says=says)


def _backlog(state: StateFolder) -> Finding:
    waiting = spool.look(state.root / "spool").backlog
    return Finding(
        about="spool",
        ok=waiting.size_bytes < spool.WAITING_BYTES // 2,
        says=f"reports waiting: {waiting.reports} ({waiting.size_bytes} of "
        f"{spool.WAITING_BYTES} bytes)",
    )
