"""A hub killed with -9 while agents report: every segment is there once, and the month is exact.

The hub is the real server on a database that outlives it: a file, or a database of its own on the
PostgreSQL that `DURE_DATABASE_URL` names. The agents are real, on simulated clusters, over HTTP;
their time is the test's, so months pass in seconds.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from tests.answering import free_port
from tests.integration.small import APRIL, MARCH_ENDS, STARTED
from tests.waiting import eventually

from dure.agent.loop import Agent
from dure.agent.state import Home, StateFolder
from dure.backends.simulated import Activity, SimulatedBackend, SimulatedPool
from dure.client import Patience, SiteClient
from dure.protocol import Enrolment, UsageRecord

pytestmark = [pytest.mark.processes, pytest.mark.database]

SERVE = "from dure.cli.main import app; app()"
CONTROL = Path(__file__).with_name("killed_hub.py")
POOLS = {
    "centre-a": SimulatedPool(pool="pool-a", model="H200", nodes=8),
    "leased-b": SimulatedPool(pool="pool-b", model="H200", nodes=4),
}
LIVES = 6
OK = 200
BETWEEN_STEPS_S = 0.05
HURRY = Patience(tries=1)
END = MARCH_ENDS + timedelta(days=2)
Segment = tuple[str, str, int, str, str, int]


@dataclass(slots=True)
class Hub:
    """The server as a process, and its database questioned from other processes."""

    environment: dict[str, str]
    port: int
    server: subprocess.Popen[bytes] | None = None

    def do(self, what: str) -> dict[str, object]:
        """One step of `killed_hub.py` on the hub's database."""
        done = subprocess.run(
            [sys.executable, str(CONTROL), what],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    def start(self) -> None:
        self.server = subprocess.Popen(
            [sys.executable, "-c", SERVE, "hub", "serve", "--no-studies", "--port", str(self.port)],
            env=self.environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        eventually(self._answers, within_s=60, every_s=0.05)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/api/v1/programme").status_code == OK
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """The server and its worker, at once."""
        if self.server is not None:
            os.killpg(self.server.pid, 9)
            self.server.wait()
            self.server = None


@pytest.fixture
def database(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where this test's hub keeps what it knows."""
    given = os.environ.get("DURE_DATABASE_URL")
    if not given:
        yield {}
        return
    name = f"killed_{os.getpid()}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield {"DURE_DATABASE_URL": urlsplit(given)._replace(path=f"/{name}").geturl()}
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def hub(tmp_path: Path, database: dict[str, str]) -> Iterator[Hub]:
    port = free_port()
    kept = {k: v for k, v in os.environ.items() if k != "DURE_DATABASE_URL"}
    ours = {
        "DURE_HOME": str(tmp_path / "hub"),
        "DJANGO_SETTINGS_MODULE": "dure.hub.settings",
        "DURE_CLOCK_OFFSET_S": str(round((APRIL - datetime.now(UTC)).total_seconds())),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    made = Hub({**kept, **ours, **database}, port)
    yield made
    made.kill()


class Site:
    """An agent with its simulated cluster; `now` is how far its time has come."""

    def __init__(
        self, folder: Path, hub: Hub, cluster: str, pool: SimulatedPool, token: str
    ) -> None:
        self.now = self.may_go_to = STARTED
        self.taken, self.lost = 0, 0
        self.clients: list[SiteClient] = []
        address = f"http://127.0.0.1:{hub.port}"
        with SiteClient(address, None) as client:
            credential = client.enrol(Enrolment(token=token, agent_version="0", engine="simulated"))
        state = StateFolder(folder / cluster)
        state.keep_home(
            Home(hub=address, credential=credential, issued_at=credential.expires - timedelta(90))
        )
        self.backend = SimulatedBackend(cluster, pools=[pool], start=STARTED, seed=cluster)
        self.agent = Agent(
            state=state,
            spool=state.spool(),
            backend=self.backend,
            connect=self._connect,
            clock=lambda: self.now,
            report_every_s=1,
        )

    def _connect(self, home: Home) -> SiteClient:
        token = home.credential.token.get_secret_value()
        self.clients.append(SiteClient(home.hub, token, patience=HURRY, timeout_s=3))
        return self.clients[-1]

    def close(self) -> None:
        for client in self.clients:
            client.close()

    def live(self) -> None:
        """Half-days pass up to where time may go by now, and on to the end."""
        while self.now < END:
            self.now = min(self.may_go_to, self.now + timedelta(hours=12))
            self.backend.advance(self.now)
            done = self.agent.step()
            self.taken += done.sent.moved
            self.lost += done.sent.error is not None
            time.sleep(BETWEEN_STEPS_S)

    def said_all(self) -> bool:
        """Sends what waits; whether all was taken."""
        return self.agent.send().error is None

    def generated(self) -> list[UsageRecord]:
        """Every segment that the cluster has closed so far."""
        return list(self.backend.usage(None, self.now).usage)


def as_segment(cluster: str, record: UsageRecord) -> Segment:
    start, end = (int(one.timestamp()) for one in (record.start, record.end))
    return (cluster, record.job, record.attempt, str(start), str(end), record.accelerators)


@pytest.fixture
def agents(tmp_path: Path, hub: Hub) -> Iterator[dict[str, Site]]:
    """Both clusters' agents, enrolled, with what was signed bound and its owners at work."""
    made = hub.do("prepare")
    tokens, owners = made["tokens"], made["owners"]
    assert isinstance(tokens, dict)
    assert isinstance(owners, list)
    hub.start()
    with ExitStack() as ending:
        sites = {key: Site(tmp_path, hub, key, pool, tokens[key]) for key, pool in POOLS.items()}
        for site in sites.values():
            ending.callback(site.close)
            site.agent.step()
            for owner in owners:
                site.backend.set_activity(owner, Activity(busy=(700, 900, 300)))
        yield sites


def live_through_deaths(hub: Hub, agents: Collection[Site]) -> None:
    """With each death of the hub, and while it comes back, a part of the time passes."""
    chance = random.Random(20260302)  # noqa: S311  # when to kill, not a secret
    with ThreadPoolExecutor() as threads:
        lives = [threads.submit(site.live) for site in agents]
        for death in range(1, LIVES + 1):
            time.sleep(chance.uniform(0.05, 0.6))
            hub.kill()
            for site in agents:
                site.may_go_to = STARTED + (END - STARTED) * death / LIVES
            hub.start()
    for life in lives:
        life.result()


def test_a_hub_killed_while_agents_report_counts_every_segment_once(
    hub: Hub, agents: dict[str, Site]
) -> None:
    live_through_deaths(hub, agents.values())
    for site in agents.values():
        eventually(site.said_all, within_s=60, every_s=0.05)
        assert site.taken
        assert site.lost

    facts = hub.do("facts")
    assert isinstance(facts["segments"], list)
    generated = sorted(
        as_segment(key, record) for key, site in agents.items() for record in site.generated()
    )
    assert len(generated) > 50
    assert sorted(tuple(one) for one in facts["segments"]) == generated
    assert (facts["audit"], facts["drift"]) == (True, 0)
    closed = hub.do("close")
    assert closed["totals"] == closed["accelerator_seconds"]
