"""`dure hub serve`: what it says when it starts, and how many agents may wait on it at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.answering import free_port, until_it_answers
from tests.integration import small

pytestmark = pytest.mark.processes

AGENTS = 20
WAIT_S = 4


def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DURE_")}
    return {**kept, "DURE_HOME": str(home), "LC_ALL": "C.UTF-8"}


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", "from dure.cli.main import main; main()", "hub", *words]


def dure(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        env=environment(home), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@contextmanager
def served(home: Path) -> Iterator[tuple[str, Path]]:
    """The hub's address and its log."""
    port, log = free_port(), home / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command("serve", "--no-studies", "--port", str(port)),
            env=environment(home), stdout=out, stderr=out,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            until_it_answers(address, within_s=20)
            yield address, log
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def test_a_database_that_is_not_ready_is_said_so_instead_of_served(tmp_path: Path) -> None:
    done = dure("serve", "--port", str(free_port()), home=tmp_path)
    assert done.returncode == 1
    assert "Run `dure hub migrate` first." in done.stderr
    assert "Traceback" not in done.stderr


def test_many_agents_wait_at_once_and_the_log_stays_short(tmp_path: Path) -> None:
    for words in (("migrate",), ("load", str(small.FILE))):
        assert dure(*words, home=tmp_path).returncode == 0
    token = dure("create-enrolment", "centre-a", home=tmp_path).stdout.strip()
    with served(tmp_path) as (address, log):
        enrolment = {"token": token, "agent_version": "0", "engine": "simulated"}
        credential = httpx.post(f"{address}/api/v1/site/enrol", json=enrolment).json()["token"]
        bearer = {"Authorization": f"Bearer {credential}"}
        desired = f"{address}/api/v1/site/desired"
        known = httpx.get(desired, headers=bearer).headers["ETag"]

        def wait(_agent: int) -> int:
            headers = {**bearer, "If-None-Match": known}
            return httpx.get(
                desired, params={"wait_s": WAIT_S}, headers=headers, timeout=60
            ).status_code

        began = time.monotonic()
        with ThreadPoolExecutor(AGENTS) as agents:
            assert set(agents.map(wait, range(AGENTS))) == {304}
        assert time.monotonic() - began < 3 * WAIT_S  # one after the other would take 20 times it
        foreign = httpx.get(address, headers={"Host": "elsewhere.example"})
        assert foreign.status_code == 400
    said = log.read_text()
    assert "threads" not in said
    assert said.count("elsewhere.example") > 0
    assert len([line for line in said.splitlines() if "elsewhere.example" in line]) == 1
    assert "Traceback" not in said
