"""What a member types about jobs, through the hub's API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration import small
from tests.integration.test_hub_jobs import NOW, lend, note, say
from tests.integration.test_hub_jobs import world as _world
from typer.testing import CliRunner, Result

from dure.cli import job_commands
from dure.cli.job_commands import fresh
from dure.hub.jobs.models import Job
from dure.hub.people.models import User
from dure.hub.people.operations import issue_token

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ENGLISH = {"LC_ALL": "C.UTF-8", "COLUMNS": "250"}
world = _world


@pytest.fixture(autouse=True)
def _hub(hub_in_this_process: None) -> None:
    """The command asks the hub of this test."""


def ran(*words: str, by: User, code: int = 0) -> Result:
    token = issue_token(user=by, label="test", by=by, now=NOW)
    name, *rest = words
    command = [name, "--hub", "http://localhost", "--token", token, *rest]
    result = CliRunner().invoke(job_commands.app, command, env=ENGLISH)
    assert result.exit_code == code, f"{result.output} {result.exception!r}"
    return result


def dure(*words: str, by: User, code: int = 0) -> str:
    return ran(*words, by=by, code=code).output


def test_a_job_is_handed_in_listed_shown_and_ended_from_the_terminal(world: small.World) -> None:
    ann = world["ann"]
    said = dure("submit", "--accelerators", "8", "--name", "train", "--", "python", "x.py", by=ann)
    job = Job.objects.get()
    assert f"Job {job.pk} (train): ordered; 8 accelerators of pool-a at centre-a" in said
    assert "here pool-a at centre-a, allocation" in said
    assert (job.command, job.username) == (["python", "x.py"], "ann")
    assert "train" in dure("list", by=ann)
    say(note(job, "completed", ended=NOW, exit_code=0, log="loss 1\n"))
    assert "completed, exit code 0" in dure("show", str(job.pk), by=ann)
    assert dure("logs", str(job.pk), by=ann) == "loss 1\n"
    assert "completed" in dure("cancel", str(job.pk), by=ann)
    assert "There is no job" in dure("show", str(job.pk), by=world["bob"], code=1)


def test_json_is_one_document_a_command(world: small.World) -> None:
    ann = world["ann"]
    job = json.loads(dure("submit", "--json", "--", "true", by=ann))
    assert (job["state"], job["accelerators"]) == ("ordered", 1)
    number = str(job["id"])
    assert json.loads(dure("list", "--json", by=ann))["jobs"][0]["id"] == job["id"]
    assert json.loads(dure("show", number, "--json", by=ann))["route"]["chosen"]["pool"] == "pool-a"
    assert json.loads(dure("logs", number, "--json", by=ann))["text"] == ""
    assert json.loads(dure("cancel", number, "--json", by=ann))["is_wanted"] is False


def test_a_dry_run_says_where_and_why_and_hands_nothing_in(world: small.World) -> None:
    lend(world)
    said = dure("submit", "--anywhere", "--or-lent", "--dry-run", "--", "true", by=world["ann"])
    assert "It would run in pool-a at centre-a, allocation" in said
    assert "In pool-a it runs under a guarantee and is not taken back." in said
    nowhere = ("--accelerators", "900", "--dry-run", "--", "true")
    assert "larger than the allocation" in dure("submit", *nowhere, by=world["ann"], code=1)
    assert not Job.objects.exists()


def test_a_script_its_variables_and_its_time_go_along(world: small.World, tmp_path: Path) -> None:
    script = tmp_path / "x.sh"
    script.write_text("echo $A\n", encoding="utf-8")
    options = ("--script", str(script), "--env", "A=b=c", "--time", "12h", "--directory", "/data")
    dure("submit", *options, by=world["ann"])
    job = Job.objects.get()
    assert job.command == ["/bin/bash", "-c", "echo $A\n"]
    assert (job.environment, job.time_limit_s) == ({"A": "b=c"}, 43_200)
    assert job.working_directory == "/data"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "write a command after --, or name a bash script"),
        (("--time", "soon", "--", "true"), "write a number with m, h or d"),
        (("--env", "A", "--", "true"), "write NAME=VALUE"),
        (("--lent", "--or-lent", "--", "true"), "not both"),
        (("--name", "x" * 81, "--", "true"), "name: String should have at most 80"),
    ],
)
def test_what_is_not_readable_is_said_before_the_hub_is_asked(
    world: small.World, words: tuple[str, ...], said: str
) -> None:
    assert said in dure("submit", *words, by=world["ann"], code=2)
    assert not Job.objects.exists()


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterator[object]], None]:
    """What happens while the command sleeps, a step each time."""

    def play(steps: Iterator[object]) -> None:
        monkeypatch.setattr("time.sleep", lambda _: next(steps))

    return play


def test_a_job_is_followed_to_its_end_and_its_end_is_the_commands(
    world: small.World, plays: Callable[[Iterator[object]], None]
) -> None:
    def steps() -> Iterator[object]:
        job = Job.objects.get()
        assert job.read_until is not None
        say(note(job, log="step 1\n"))
        yield None
        say(note(job, log="step 1\nstep 2\n"))
        yield None
        say(note(job, log="again 1\n", attempt=2))
        yield None
        say(note(job, "failed", log="again 1\nend\n", attempt=2, ended=NOW, exit_code=3))
        yield None

    plays(steps())
    result = ran("submit", "--follow", "--", "true", by=world["ann"], code=1)
    assert result.stdout == "step 1\nstep 2\nagain 1\nend\n"
    assert "running, attempt 2" in result.stderr
    assert "failed, attempt 2, exit code 3" in result.stderr


def test_waiting_ends_well_when_the_job_does(
    world: small.World, plays: Callable[[Iterator[object]], None]
) -> None:
    def steps() -> Iterator[object]:
        job = Job.objects.get()
        say(note(job, "completed", ended=NOW + timedelta(seconds=1), exit_code=0))
        yield None

    plays(steps())
    result = ran("submit", "--wait", "--json", "--", "true", by=world["ann"])
    assert json.loads(result.stdout)["state"] == "completed"


@pytest.mark.parametrize(
    ("shown", "tail", "new"),
    [
        ("", "a", "a"),
        ("ab", "ab", ""),
        ("ab", "abc", "c"),
        ("x" * 600 + "yz", "x" * 510 + "yz!", "!"),
        ("old", "other", "\n[some output is not shown here]\nother"),
    ],
)
def test_only_what_is_new_of_a_log_is_shown(shown: str, tail: str, new: str) -> None:
    assert fresh(shown, tail) == new
