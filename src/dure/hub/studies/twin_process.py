"""The twin as a process of its own: hub and twin are siblings and share nothing but documents.

- It inherits what Python needs to run and nothing of the hub: no address of a database, no secret.
- Its working folder holds files that somebody brought; Python takes no code from there (`-P`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from dure.protocol.study import ScenarioChecked, TwinOffer

TWIN: Final = (sys.executable, "-P", "-m", "dure", "twin")
SCENARIO: Final = "scenario.yaml"
PASSED_ON: Final = (
    "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "NUMBA_CACHE_DIR", "PATH", "PYTHONPATH", "TMPDIR",
    "TZDIR", "VIRTUAL_ENV",
)  # fmt: skip
"""Of the environment: where Python, its packages and the compiled kernel stand."""

ANSWER_S: Final = 60
"""To list and to check takes 2 s of CPU here; a machine under load takes longer."""


class TwinSilent(Exception):
    """The twin did not answer as it should; the message is its own, for the log."""


def environment() -> dict[str, str]:
    """What the twin's process inherits."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


@cache
def offer() -> TwinOffer:
    """What the installed twin offers; asked once a process. Raises TwinSilent."""
    return TwinOffer.model_validate_json(_answer("list", "--json", folder=Path.cwd()))


def check(text: str) -> ScenarioChecked:
    """What is wrong with a scenario's text, or what it would play. Raises TwinSilent."""
    with tempfile.TemporaryDirectory(prefix="dure-study-") as folder:
        place = Path(folder)
        (place / SCENARIO).write_text(text, encoding="utf-8")
        answered = _answer("check", SCENARIO, "--json", folder=place)
    return ScenarioChecked.model_validate_json(answered)


def _answer(*words: str, folder: Path) -> str:
    """Its JSON, also where it ends with 1: problems were found."""
    try:
        done = subprocess.run(  # noqa: S603  # our own program, words of ours
            [*TWIN, *words],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=ANSWER_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TwinSilent(f"no answer within {ANSWER_S} s") from error
    if not done.stdout.startswith("{"):
        raise TwinSilent(done.stderr.strip()[-2000:] or f"exit status {done.returncode}")
    return done.stdout
