"""What an operator types and reads: enrol, run once, dry run, status, doctor, jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.bindings import binding, members
from tests.unit.agent.site_hub import BEARER, CLUSTER, ONE_TIME, SiteHub, on_loopback
from typer.testing import CliRunner, Result

from dure.agent import jobs_socket
from dure.agent.site import LocalConfig, open_engine
from dure.agent.state import StateFolder
from dure.backends.contract import JobRequest, JobStatus
from dure.backends.local import LocalBackend
from dure.cli.agent_commands import app
from dure.protocol import Desired
from dure.vocabulary.plans import Reason

pytestmark = pytest.mark.processes


@dataclass
class Desk:
    """A hub on a socket, a state folder, and a command line."""

    hub: SiteHub
    address: str
    state: Path

    def dure(self, *words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [*words, "--state", str(self.state)])
        assert result.exit_code == code, f"{result.output} {result.exception!r}"
        return result

    def enrol(self, *, token: str = ONE_TIME, code: int = 0) -> Result:
        return self.dure(
            "enrol", "--hub", self.address, "--token", token,
            "--pool", "p", "--model", "m", "--slots", "2", code=code,
        )  # fmt: skip

    def want(self) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        owned = binding("A", 2, now=now, project="own", pool="p", members=members("u"))
        self.hub.want(Desired(cluster=CLUSTER, revision=4, bindings=(owned,)))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with on_loopback() as (hub, address):
        yield Desk(hub, address, tmp_path / "state")


def test_a_site_is_enrolled_run_once_and_looked_at(desk: Desk) -> None:
    assert f"cluster {CLUSTER}" in desk.enrol().output
    desk.want()
    assert "sent: 1" in desk.dure("run", "--once").output
    found = json.loads(desk.dure("status", "--json").output)
    assert (found["cluster"], found["applied_revision"], found["running"]) == (CLUSTER, 4, False)
    assert found["waiting_reports"] == 0
    examined = json.loads(desk.dure("doctor", "--json").output)
    assert examined["capabilities"]["enforces_limits"] is True
    assert {finding["about"]: finding["ok"] for finding in examined["findings"]} == dict.fromkeys(
        ("site", "hub", "credential", "spool"), True
    )
    assert "preempts lent" in desk.dure("doctor").output


def test_a_dry_run_prints_the_difference_and_changes_nothing(desk: Desk) -> None:
    desk.enrol()
    desk.want()
    for _ in range(2):
        output = desk.dure("run", "--dry-run").output
        assert "allocation A on p: nothing -> accelerators: 2, active" in output
    assert not (desk.state / "desired.json").exists()
    assert not (desk.state / "engine").exists()
    assert desk.hub.reports() == []
    desk.dure("run", "--once")
    assert "nothing to change" in desk.dure("run", "--dry-run").output


def test_a_wrong_token_is_one_sentence_and_leaves_no_credential(desk: Desk) -> None:
    result = desk.enrol(token="wrong", code=1)
    assert "unknown, used or expired" in result.output
    assert not (desk.state / "credential.json").exists()
    assert "dure agent enrol --hub" in desk.dure("status", code=2).output


def test_the_credential_is_private_and_is_never_shown(desk: Desk) -> None:
    output = desk.enrol().output
    assert (desk.state / "credential.json").stat().st_mode & 0o077 == 0
    assert desk.state.stat().st_mode & 0o077 == 0
    output += desk.dure("run", "--once").output
    output += desk.dure("status", "--json").output + desk.dure("doctor").output
    assert BEARER not in output
    assert ONE_TIME not in output


def test_a_hub_that_is_away_fails_the_single_step_and_keeps_its_report(desk: Desk) -> None:
    desk.enrol()
    desk.hub.answer_with = 503
    assert "is away" in desk.dure("run", "--once", code=1).output
    assert json.loads(desk.dure("status", "--json").output)["waiting_reports"] == 1
    assert "problem  hub" in desk.dure("doctor", code=1).output


def test_reports_are_said_again_for_a_restored_hub(desk: Desk) -> None:
    desk.enrol()
    desk.dure("run", "--once")
    assert "said again: 1;" in desk.dure("replay").output
    desk.dure("run", "--once")
    assert [report.sequence for report in desk.hub.reports()] == [0, 0]


def test_a_broken_site_description_names_the_field(desk: Desk) -> None:
    desk.enrol()
    (desk.state / "site.yaml").write_text("engine: local\npool: p\nmodel: m\nslots: many\n")
    assert re.search(r"site\.yaml: slots: .*integer", desk.dure("run", "--once", code=2).output)
    (desk.state / "site.yaml").write_text("{")
    assert "is not YAML" in desk.dure("run", "--once", code=2).output


@pytest.mark.parametrize("words", [["jobs"], ["cancel", "job-1"]])
def test_without_a_running_agent_no_job_is_taken(desk: Desk, words: list[str]) -> None:
    desk.enrol()
    assert "no agent runs on" in desk.dure(*words, code=1).output


def test_jobs_are_handed_in_listed_refused_and_ended(desk: Desk) -> None:
    desk.enrol()
    desk.want()
    desk.dure("run", "--once")
    config = LocalConfig(pool="p", model="m", slots=2)
    submit = ["submit", "--project", "own", "--user", "u", "--accelerators", "1"]
    with (
        open_engine(config, folder=desk.state, clock=lambda: datetime.now(UTC)) as engine,
        jobs_socket.serving(engine, desk.state),
    ):
        assert isinstance(engine, LocalBackend)
        state = ["--state", str(desk.state)]
        result = CliRunner().invoke(
            app, [*submit, *state, "--allocation", "A", "--", "sleep", "30"]
        )
        job = result.output.strip()
        assert engine.wait(job, "running", timeout_s=10).request.command == ("sleep", "30")
        assert job in desk.dure("jobs").output
        refused = CliRunner().invoke(app, [*submit, *state, "--lent", "--", "true"])
        assert (refused.exit_code, "no lent share" in refused.output) == (1, True)
        strange = ["submit", "--project", "own", "--accelerators", "1", *state]
        refused = CliRunner().invoke(app, [*strange, "--allocation", "A", "--", "true"])
        assert (refused.exit_code, "--user NAME" in refused.output) == (1, True)
        neither = CliRunner().invoke(app, [*submit, *state, "--", "true"])
        assert (neither.exit_code, "--lent" in neither.output) == (2, True)
        assert "no job no-such" in desk.dure("cancel", "no-such", code=1).output
        desk.dure("cancel", job)
        assert engine.wait(job, timeout_s=10).state == "cancelled"
        assert json.loads(desk.dure("jobs", "--json").output)[0]["job"] == job


def test_a_jobs_id_is_whole_on_a_narrow_terminal(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = "job-65f1a2b3c4d5-000123"
    request = JobRequest(
        project="project-of-a-long-name-0001", allocation="project-of-a-long-name-0001-a1",
        pool="p", accelerators=8, command=("true",), username="u", working_directory="/",
    )  # fmt: skip
    waiting = JobStatus(
        job=job, request=request, state="pending", attempt=1, submitted=datetime.now(UTC),
        waits=Reason(code="job.waits_for_accelerators"),
    )  # fmt: skip
    monkeypatch.setattr(jobs_socket, "ask", lambda *_: jobs_socket.Answer(jobs=(waiting,)))
    monkeypatch.setenv("COLUMNS", "80")
    assert job in desk.dure("jobs").output


def test_an_expired_credential_is_said_to_be_expired(desk: Desk) -> None:
    desk.enrol()
    assert "until 2" in desk.dure("doctor").output
    years = str(40 * 365 * 24 * 3600)
    late = desk.dure("doctor", "--clock-offset-s", years, code=1).output
    assert "problem  credential: of cluster here, expired on 2" in late


def test_a_second_agent_on_the_same_folder_is_refused(desk: Desk) -> None:
    desk.enrol()
    with StateFolder(desk.state).held():
        assert json.loads(desk.dure("status", "--json").output)["running"] is True
        assert "another agent runs on" in desk.dure("run", "--once", code=2).output
    assert json.loads(desk.dure("status", "--json").output)["running"] is False
