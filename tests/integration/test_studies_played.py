"""Playing a study: the child's bounds, what its end means, and that it never outlives its wish.

- Most children here are programs of a few lines that behave as the twin would; one is the twin.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings
from tests.integration import small
from tests.integration.asked import RESULT, SCENARIO, queued_study
from tests.integration.operated import LATER
from tests.waiting import eventually

from dure.hub import clock
from dure.hub.studies import playing, worker
from dure.hub.studies.models import Study
from dure.hub.studies.playing import Bounds, UnableToPlay, play
from dure.hub.studies.queue import ClaimLost, Played

pytestmark = pytest.mark.processes

_eventually = partial(eventually, within_s=120, every_s=0.2)

ROOMY = Bounds(minutes=5, memory_mib=6144)
STUDY = Study(scenario=SCENARIO, policies=["islands", "pool"], seeds=1, days=2)

WELL = f"""
import json, pathlib, sys
out = pathlib.Path("out")
out.mkdir()
said = json.dumps({{"played": 3, "of": 4, "policy": "pool", "seed": 1}})
print(said, file=sys.stderr, flush=True)
(out / "result.json").write_text({json.dumps(json.dumps(RESULT))})
(out / "report-ko.html").write_text("<h1>said</h1>")
(out / "jobs-pool-1.parquet").write_bytes(b"PAR1" * 1000)
"""


def nobody_stops(_played: int) -> None:
    """A study that is still wanted."""


@pytest.fixture
def behaving(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """The child runs this text instead of the twin."""

    def behave(text: str) -> None:
        monkeypatch.setattr(playing, "TWIN", (sys.executable, "-c", text))

    monkeypatch.setattr(playing, "BEAT_S", 0.05)
    return behave


def _reason(behave: Callable[[str], None], text: str, bounds: Bounds = ROOMY) -> tuple[str, object]:
    behave(text)
    with pytest.raises(UnableToPlay) as unable:
        play(STUDY, (), bounds, nobody_stops)
    return unable.value.reason.code, unable.value.reason.params


def test_what_the_child_wrote_is_gathered_and_its_progress_heard(
    behaving: Callable[[str], None],
) -> None:
    behaving(WELL + "import time; time.sleep(1)")
    heard: list[int] = []
    played = play(STUDY, (("trace.csv", b"x"),), ROOMY, heard.append)
    assert played.result == RESULT
    assert [name for name, _ in played.files] == [
        "report-ko.html", "result.json", "jobs-pool-1.parquet",
    ]  # fmt: skip
    assert heard[-1] == 3


def test_what_is_too_large_to_be_kept_is_left_out_by_name(
    behaving: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    behaving(WELL)
    monkeypatch.setattr(playing, "MOST_KEPT", 3000)
    played = play(STUDY, (), ROOMY, nobody_stops)
    assert played.left_out == ("jobs-pool-1.parquet",)


def test_a_refusal_is_shown_in_the_twins_own_words(behaving: Callable[[str], None]) -> None:
    said = "trace.csv:7: run_s: -3 is negative"
    code, params = _reason(behaving, f"import sys; print({said!r}, file=sys.stderr); sys.exit(1)")
    assert (code, params) == ("study.refused", {"said": said})


def test_a_traceback_is_never_shown(behaving: Callable[[str], None]) -> None:
    deep = "def f(n):\n    return 1 / 0 if not n else f(n - 1)\nimport sys\nf(60)"
    code, params = _reason(behaving, deep)
    assert (code, params) == ("study.broken", {"status": 1})


def test_the_twin_that_is_not_installed_is_called_so(behaving: Callable[[str], None]) -> None:
    said = "The twin needs numba: pip install 'dure[twin]'."
    text = f"import sys; print({said!r}, file=sys.stderr); sys.exit(2)"
    assert _reason(behaving, text)[0] == "study.twin_missing"


def test_a_study_that_takes_too_long_is_stopped(behaving: Callable[[str], None]) -> None:
    bounds = Bounds(minutes=0, memory_mib=6144)
    code, params = _reason(behaving, "import time; time.sleep(60)", bounds)
    assert (code, params) == ("study.out_of_time", {"minutes": 0})


def test_a_study_that_needs_too_much_memory_is_stopped(behaving: Callable[[str], None]) -> None:
    bounds = Bounds(minutes=5, memory_mib=256)
    assert _reason(behaving, "x = bytearray(1 << 30)", bounds)[0] == "study.out_of_memory"


def test_the_child_runs_behind_the_hub_in_a_group_of_its_own(
    behaving: Callable[[str], None],
) -> None:
    said = "os.nice(0), os.getpgid(0) == os.getpid()"
    _, params = _reason(behaving, f"import os, sys; print({said}, file=sys.stderr); sys.exit(1)")
    assert params == {"said": f"{os.nice(0) + playing.NICER} True"}


def test_the_child_inherits_nothing_of_the_hub(
    behaving: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DURE_DATABASE_URL", "postgresql://hub:secret@db/dure")
    monkeypatch.setenv("DURE_HOME", "/var/lib/dure")
    text = "import os, sys; print(sorted(os.environ), file=sys.stderr); sys.exit(1)"
    _, params = _reason(behaving, text)
    assert "DURE" not in str(params)


def test_a_study_that_is_no_longer_wanted_ends_its_child(
    behaving: Callable[[str], None], tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    behaving(
        f"import os, pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_DFL);"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(60)"
    )

    def until_it_runs(_played: int) -> None:
        if pid_file.exists() and pid_file.read_text():
            raise ClaimLost

    with pytest.raises(ClaimLost):
        play(STUDY, (), ROOMY, until_it_runs)
    assert not _runs(int(pid_file.read_text()))


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_the_worker_plays_the_queue_with_the_real_twin_and_goes_on_after_a_failure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(clock, "now", lambda: LATER)
    small.opened()
    broken = queued_study("broken", scenario=SCENARIO.replace("nodes: 4", "nodes: 1"))
    good = queued_study("good")
    assert worker.work(once=True) == 2
    broken.refresh_from_db()
    good.refresh_from_db()
    assert broken.state == "failed"
    assert "too few for 2 projects" in (broken.failure or {})["params"]["said"]
    assert (good.state, good.failure) == ("done", None)
    assert (good.result or {})["recommended"] in {"islands", "pool", None}
    names = set(good.files.values_list("name", flat=True))
    assert {"report-ko.html", "report-en.html", "result.json", "jobs-pool-1.parquet"} <= names


# What a worker does to a study when it is killed, on a database of its own.
_SET_UP = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0, interactive=False)
from dure.hub.people.models import User
from dure.hub.studies.models import Study
from dure.hub import clock
who = User.objects.create(username="o", role="operator")
Study.objects.create(name="x", scenario=open("scenario.yaml").read(), policies=["islands"], seeds=1,
    days=2000, asked_by=who, asked_at=clock.now())
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    long = SCENARIO.replace("days: 2", "days: 2000").replace("nodes: 4", "nodes: 64")
    (tmp_path / "scenario.yaml").write_text(long)
    subprocess.run(
        [sys.executable, "-c", _SET_UP], env=_environment(tmp_path), cwd=tmp_path, check=True
    )
    return tmp_path


def test_a_worker_that_is_killed_leaves_no_child_and_its_study_is_played_by_the_next(
    home: Path,
) -> None:
    first = _worker(home)
    child = _eventually(lambda: _child_of(first.pid))
    _eventually(lambda: _study(home)["played_days"])
    first.kill()
    first.wait()
    _eventually(lambda: not _runs(child))
    assert _study(home)["state"] == "running"
    # By the next worker's clock the claim is stale at once.
    second = _worker(home, DURE_CLOCK_OFFSET_S="120")
    try:
        _eventually(lambda: _study(home)["attempts"] == 2)
        heir = _eventually(lambda: _child_of(second.pid))
        second.terminate()
        assert second.wait(30) == 0
        assert not _runs(heir)
        assert (_study(home)["state"], _study(home)["attempts"]) == ("queued", 1)
    finally:
        second.kill()


def _environment(home: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DURE_")}
    return {
        **kept, **more, "DURE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "dure.hub.settings",
    }  # fmt: skip


def _worker(home: Path, **more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dure", "hub", "study-worker"],
        env=_environment(home, **more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _study(home: Path) -> dict[str, object]:
    with sqlite3.connect(home / "dure.sqlite3", timeout=20) as connection:
        connection.row_factory = sqlite3.Row
        return dict(connection.execute("select * from studies_study").fetchone())


def _child_of(pid: int) -> int | None:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(found[0]) if found else None


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_what_nobody_foresaw_ends_its_study_alone_and_the_next_is_played(
    monkeypatch: pytest.MonkeyPatch, behaving: Callable[[str], None]
) -> None:
    monkeypatch.setattr(clock, "now", lambda: LATER)
    small.opened()
    behaving(WELL)
    first, second = queued_study("first"), queued_study("second")

    def breaks_once(study: Study, *rest: Any) -> Played:
        if study.pk == first.pk:
            raise ZeroDivisionError
        return play(study, *rest)

    monkeypatch.setattr(worker, "play", breaks_once)
    assert worker.work(once=True) == 2
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("failed", "done")
    assert (first.failure or {})["code"] == "study.broken"
