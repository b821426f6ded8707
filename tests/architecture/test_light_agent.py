"""What a provider installs is light: no web framework, no solver, no compiler, and it works.

The agent's lock is installed, by hash, into an environment of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
BIN: Final = Path(sys.executable).parent
CACHE: Final = BIN.parent / "uv-cache"
HEAVY: Final = ("django", "ninja", "ortools", "numba", "numpy", "pandas", "psycopg", "granian")


def uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "UV_CACHE_DIR": str(CACHE)}
    return subprocess.run(
        [str(BIN / "uv"), *arguments],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the agent's lock and the project."""
    folder = tmp_path_factory.mktemp("agent") / "venv"
    python = folder / "bin" / "python"
    into = ("--quiet", "--python", str(python))
    lock = str(ROOT / "requirements" / "agent.lock")
    steps = (
        ("venv", "--quiet", "--python", sys.executable, str(folder)),
        ("pip", "install", *into, "--require-hashes", "-r", lock),
        ("pip", "install", *into, "--no-deps", "--no-build-isolation", "-e", "."),
    )
    for step in steps:
        done = uv(*step)
        if done.returncode and "Failed to fetch" in done.stderr:
            pytest.skip(f"no package index is reached and the cache lacks a package: {step}")
        assert done.returncode == 0, done.stderr
    return folder / "bin"


def run(program: Path, *arguments: str, where: Path) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment = {**kept, "PATH": f"{program.parent}:/usr/bin:/bin"}
    return subprocess.run(
        [str(program), *arguments],
        cwd=where, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("package", HEAVY)
def test_nothing_heavy_is_installed_with_the_agent(
    agent: Path, package: str, tmp_path: Path
) -> None:
    done = run(agent / "python", "-c", f"import {package}", where=tmp_path)
    assert done.returncode == 1
    assert f"No module named '{package}'" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("agent", "--help"), "enrol"),
        (("programme", "list"), "kr-gpu-2026"),
        (("round", "--help"), "approve"),
        (("--help",), "demo"),
    ],
)
def test_the_agents_installation_has_the_commands_that_need_no_hub(
    agent: Path, words: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    done = run(agent / "dure", *words, where=tmp_path)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


@pytest.mark.parametrize("words", [("demo",), ("hub", "verify"), ("hub", "serve")])
def test_a_command_that_needs_the_hub_says_so_and_ends(
    agent: Path, words: tuple[str, ...], tmp_path: Path
) -> None:
    done = run(agent / "dure", *words, where=tmp_path)
    assert done.returncode == 2
    assert "pip install 'dure[hub]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
