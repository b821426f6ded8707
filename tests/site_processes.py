"""A site's hub and agent as processes of their own, killed and started again at will.

- The agent is the command itself, on a state folder that is enrolled; the hub is `site_hub`, whose
  database is read here while it runs.
- The agent may reach the hub through another port (`through`), where a test breaks the network.
- Killed is killed with -9. Only `stop_agent` lets an agent end by itself.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.unit.agent import site_hub
from tests.unit.agent.site_hub import BEARER, CLUSTER, SiteHub
from tests.waiting import eventually

from dure.agent import inspection
from dure.agent.site import SiteConfig
from dure.agent.state import Home, StateFolder
from dure.protocol import Credential, UsageRecord

AGENT: Final = "from dure.cli.agent_commands import app; app()"
LISTENS_WITHIN_S: Final = 60.0

Process = subprocess.Popen[bytes]


class SiteProcesses:
    """What runs at a site, what its hub was told, and what its agent says of itself."""

    def __init__(
        self, folder: Path, site: SiteConfig, *, port: int, through: int | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, port
        self.records = SiteHub(folder / "hub.sqlite")
        self.state = _enrolled(folder / "state", site, hub=f"http://127.0.0.1:{through or port}")
        self.program = AGENT
        self.hub: Process | None = None
        self.agent: Process | None = None

    def start_hub(self) -> None:
        command = [sys.executable, site_hub.__file__, str(self.folder / "hub.sqlite")]
        self.hub = subprocess.Popen([*command, str(self.port)])
        eventually(lambda: _listens(self.port), "the hub listens", within_s=LISTENS_WITHIN_S)

    def kill_hub(self) -> None:
        _kill(self.hub)

    def start_agent(self) -> None:
        command = [sys.executable, "-c", self.program, "run", "--state", str(self.state.root)]
        with (self.folder / "agent.log").open("ab") as log:
            self.agent = subprocess.Popen(command, stderr=log)

    def kill_agent(self) -> None:
        _kill(self.agent)

    def stop_agent(self, *, within_s: float = 10) -> int:
        """Told to end; its exit status."""
        assert self.agent is not None
        self.agent.send_signal(signal.SIGTERM)
        return self.agent.wait(timeout=within_s)

    def arrived(self) -> int:
        """How many reports the hub has been told, repeats included."""
        row = self.records.database.execute("select count(*) from reports").fetchone()
        return int(row[0])

    def said_through(self, instant: datetime) -> bool:
        """Whether all use until then is at the hub."""
        status = inspection.status(self.state)
        through = status.complete_through
        return through is not None and through > instant and status.waiting_reports == 0

    def segments(self) -> dict[tuple[str, int], list[UsageRecord]]:
        """What the hub counted for each attempt of a job, in order."""
        found: dict[tuple[str, int], list[UsageRecord]] = defaultdict(list)
        for _, _, _, content, _ in self.records.usage():
            record = UsageRecord.model_validate_json(content)
            found[record.job, record.attempt].append(record)
        return {key: sorted(kept, key=lambda one: one.start) for key, kept in found.items()}


def _enrolled(folder: Path, site: SiteConfig, *, hub: str) -> StateFolder:
    now = datetime.now(UTC)
    credential = Credential.model_validate(
        {"cluster": CLUSTER, "token": BEARER, "expires": now + timedelta(days=90)}
    )
    state = StateFolder(folder)
    state.prepare()
    state.keep_home(Home(hub=hub, credential=credential, issued_at=now))
    state.keep_site(site)
    return state


def _kill(process: Process | None) -> None:
    if process is not None:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
