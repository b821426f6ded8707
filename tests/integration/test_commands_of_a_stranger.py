"""What a stranger types: refused in a sentence with an exit code, never with a stack trace."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

UNUSABLE = 2


@pytest.fixture
def taken() -> Iterator[str]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


def typed(*words: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DURE_")}
    return subprocess.run(
        [sys.executable, "-c", "from dure.cli.main import main; main()", *words],
        env={**kept, "DURE_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_taken_port_is_named_before_anything_is_done(tmp_path: Path, taken: str) -> None:
    for words in (("hub", "serve"), ("demo", "--serve", "--home", str(tmp_path / "demo"))):
        done = typed(*words, "--port", taken, home=tmp_path)
        assert done.returncode == UNUSABLE
        assert f"127.0.0.1:{taken}: " in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "demo").exists()


def test_a_file_where_a_folder_belongs_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    enrol = ("agent", "enrol", "--hub", "http://127.0.0.1:1", "--token", "x", "--state", str(file))
    pool = ("--pool", "p", "--model", "m", "--slots", "2")
    for words in (("hub", "migrate"), ("demo", "--home", str(file)), (*enrol, *pool)):
        done = typed(*words, home=file)
        assert done.returncode == UNUSABLE
        assert str(file) in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DURE_DATABASE_URL", "mysql://x"),
        ("DURE_DATABASE_URL", "postgresql://u@h:port/x"),
        ("DURE_CLOCK_OFFSET_S", "soon"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    done = typed("hub", "verify", home=tmp_path, **{name: value})
    assert done.returncode == UNUSABLE
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "dure.sqlite3").write_bytes(b"no database" * 500)
    done = typed("hub", "verify", home=tmp_path)
    assert done.returncode == 1
    assert "file is not a database" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("month", ["0000-00", "2026-13", "2026", "x"])
def test_what_is_no_month_is_said_so(tmp_path: Path, month: str) -> None:
    done = typed("hub", "close-month", month, home=tmp_path)
    assert done.returncode == UNUSABLE
    assert "is not a month" in done.stderr
