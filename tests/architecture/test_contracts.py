"""The house stands: each layer knows only what is below it, and each rule is seen to bite.

A contract that nothing can break protects nothing: each is broken here on purpose, in a copy.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
BIN: Final = Path(sys.executable).parent
PURE: Final = ("quantities", "vocabulary", "engine", "metering")

# contract -> the module that is changed, and the import that must not stand there
FORBIDDEN: Final[dict[str, tuple[str, str]]] = {
    "layers": ("quantities/period.py", "import dure.vocabulary"),
    "backends-independent": (
        "backends/simulated/profiles.py",
        "from dure.backends.local import journal",
    ),
    "decisions-independent": ("engine/panel.py", "from dure.engine import lending"),
    "checks-know-no-solver": ("engine/checks/waitlist.py", "import ortools"),
    "pure": ("metering/ledger.py", "import os"),
    "light-agent": ("agent/site.py", "import django"),
}
BANNED: Final = {
    "now": "from datetime import datetime\n\nHERE = datetime.now()\n",
    "today": "from datetime import date\n\nHERE = date.today()\n",
    "random": "import random\n\nHERE = random\n",
    "os": "import os\n\nHERE = os\n",
    "time": "from time import monotonic\n\nHERE = monotonic\n",
    "pathlib": "from pathlib import Path\n\nHERE = Path\n",
    "django": "import django\n\nHERE = django\n",
}


def contracts() -> dict[str, dict[str, Any]]:
    """Contract by id, as pyproject declares them."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {one["id"]: one for one in declared["tool"]["importlinter"]["contracts"]}


def lint(where: Path, *only: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "lint-imports"), "--no-cache", *(f"--contract={one}" for one in only)]
    environment = {"PATH": str(BIN), "PYTHONPATH": str(where / "src"), "PYTHONUTF8": "1"}
    return subprocess.run(
        command, cwd=where, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The sources in a folder of their own, to be broken."""
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", ".*_cache")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout


def test_every_contract_has_its_breach_here() -> None:
    assert set(FORBIDDEN) == set(contracts())


@pytest.mark.parametrize("contract", sorted(FORBIDDEN))
def test_a_contract_is_seen_to_break(contract: str, copied: Path) -> None:
    module, forbidden = FORBIDDEN[contract]
    changed = copied / "src" / "dure" / module
    changed.write_text(f"{changed.read_text(encoding='utf-8')}\n{forbidden}\n", encoding="utf-8")
    done = lint(copied, contract)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contracts()[contract]['name']} BROKEN" in done.stdout


def test_every_package_stands_in_a_layer() -> None:
    layers = " | ".join(contracts()["layers"]["layers"])
    listed = {name.strip(" ()") for name in layers.split("|")}
    found = {
        path.stem
        for path in (ROOT / "src" / "dure").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }
    assert found <= listed
    assert contracts()["layers"]["exhaustive"] is True


def test_a_package_in_no_layer_is_found(copied: Path) -> None:
    (copied / "src" / "dure" / "utils").mkdir()
    (copied / "src" / "dure" / "utils" / "__init__.py").touch()
    done = lint(copied, "layers")
    assert done.returncode == 1
    assert "utils" in done.stdout


def ruff(where: Path, file: Path) -> str:
    """The codes that ruff reports for the file."""
    command = [str(BIN / "ruff"), "check", "--no-cache", "--output-format=concise", str(file)]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    return done.stdout


@pytest.mark.parametrize("package", PURE)
def test_a_pure_package_bans_clock_chance_and_environment(package: str, copied: Path) -> None:
    folder = copied / "src" / "dure" / package
    silent = []
    for name, text in BANNED.items():
        file = folder / f"breach_{name}.py"
        file.write_text(text, encoding="utf-8")
        if "TID251" not in ruff(copied, file):
            silent.append(name)
    assert silent == []


def test_the_same_lines_are_no_breach_of_that_ban_elsewhere(copied: Path) -> None:
    file = copied / "src" / "dure" / "hub" / "breach.py"
    file.write_text(BANNED["os"], encoding="utf-8")
    assert "TID251" not in ruff(copied, file)
