"""The big clusters, simulated: each with its real agent, speaking the real protocol.

The engine behind an agent is `backends.simulated`; agent, spool, client and the hub's API are the
ones that run live. Requests reach the hub in this process, without a socket.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import httpx

from dure.agent.loop import Agent
from dure.agent.state import Home, StateFolder
from dure.backends.simulated import Activity, SimulatedBackend, SimulatedPool
from dure.client import SiteClient
from dure.hub import clock
from dure.hub.allocations.models import Allocation
from dure.hub.people.gate import Actor
from dure.hub.supply.models import Cluster
from dure.hub.supply.operations import issue_enrolment_token
from dure.hub.wsgi import application
from dure.protocol import Enrolment

HUB: Final = "http://localhost"
USUAL: Final = (780, 860, 920)
QUIET: Final = 60
"""Permille of the entitlement that an owner who hardly works holds; an assumption of the demo."""


def hub_client(token: str | None) -> SiteClient:
    """A client of the hub in this process."""
    return SiteClient(HUB, token, transport=httpx.WSGITransport(app=application))


def connect(home: Home) -> SiteClient:
    """The same for an enrolled agent."""
    return hub_client(home.credential.token.get_secret_value())


@dataclass(frozen=True, slots=True)
class Site:
    backend: SimulatedBackend
    agent: Agent


class SimulatedSites:
    """Every simulated cluster of the programme with its agent."""

    def __init__(self, *, home: Path, start: datetime, by: Actor, quiet: Iterable[str]) -> None:
        """`quiet`: allocations whose owners will hardly use them."""
        self._quiet = frozenset(quiet)
        self._known: set[str] = set()
        clusters = Cluster.objects.filter(engine="simulated").prefetch_related("pools")
        self.sites = {
            c.key: self._enrol(c, home / c.key, start, by) for c in clusters.order_by("key")
        }

    def _enrol(self, cluster: Cluster, folder: Path, start: datetime, by: Actor) -> Site:
        token = issue_enrolment_token(cluster=cluster, by=by, now=clock.now())
        with hub_client(None) as client:
            credential = client.enrol(
                Enrolment(token=token, agent_version=version("dure"), engine="simulated")
            )
        state = StateFolder(folder)
        state.keep_home(Home(hub=HUB, credential=credential, issued_at=clock.now()))
        backend = SimulatedBackend(
            cluster.key,
            pools=[
                SimulatedPool(
                    pool=pool.key,
                    model=pool.model,
                    nodes=pool.nodes - pool.own_use_nodes,
                    accelerators_per_node=pool.accelerators_per_node,
                )
                for pool in cluster.pools.all()
            ],
            start=start,
            seed=f"dure-demo/{cluster.key}",
        )
        agent = Agent(
            state=state,
            spool=state.spool(),
            backend=backend,
            connect=connect,
            clock=lambda: backend.now,  # what it says was so at the instant that is simulated
            report_every_s=1,
        )
        return Site(backend, agent)

    def settle(self, now: datetime) -> list[str]:
        """Time passes on every site until `now`, and every agent does its step there.

        Returns the problems that the agents met.
        """
        clock.rehearse(now)
        problems: list[str] = []
        for key, site in self.sites.items():
            site.backend.advance(now)
            done = site.agent.step()
            problems += [f"{key}: {p}" for p in done.site.problems]
            problems += [f"{key}: {e.error}" for e in (done.pulled, done.sent) if e.error]
        self._give_activity()
        return problems

    def _give_activity(self) -> None:
        """Owners of what was bound begin to work, in the way they do."""
        active = Allocation.objects.filter(
            state=Allocation.State.ACTIVE, pool__cluster__engine="simulated"
        ).values_list("key", "pool__cluster__key")
        for index, (key, cluster) in enumerate(active.order_by("key")):
            busy = QUIET if key in self._quiet else USUAL[index % len(USUAL)]
            if key not in self._known:
                self._known.add(key)
                self.sites[cluster].backend.set_activity(key, Activity(busy=(busy,)))
