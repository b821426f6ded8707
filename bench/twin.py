"""The twin beside every simulator that installs from PyPI: speed, exactness, what lending gains.

- Each part runs in a process of its own, and so does whatever it measures: `python -m bench.twin
  PART ...` runs some parts only and keeps no results.
- Where the traces are not beside the repository, a part that plays them says so and is left out.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench.report import Result, write
from bench.twin_data import NoTraces
from bench.twin_process import told

PARTS: Final = ("conformance", "venus", "national", "deep", "year", "bound", "fractions")
TOLD: Final = "--told"


def part(name: str) -> list[Result]:
    """What one part finds, in a process of its own; nothing where it failed, which is said."""
    told(f"{name} begins; load of the machine {os.getloadavg()[0]:.1f}")
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        command = [sys.executable, "-m", "bench.twin", TOLD, name, file.name]
        done = subprocess.run(command, check=False)
        if done.returncode != 0:
            told(f"{name} failed: nothing of it is kept")
            return []
        return [Result(**one) for one in json.load(file)]


def tell(name: str, path: Path) -> None:
    """The part's own process."""
    try:
        found = importlib.import_module(f"bench.twin_{name}").results()
    except NoTraces as error:
        told(f"{name} is left out: {error}")
        found = []
    path.write_text(json.dumps([asdict(one) for one in found]))


def main() -> None:
    if sys.argv[1:2] == [TOLD]:
        tell(sys.argv[2], Path(sys.argv[3]))
        return
    names = sys.argv[1:] or PARTS
    unknown = sorted(set(names) - set(PARTS))
    if unknown:
        sys.exit(f"there is no part {unknown[0]!r}; known: {', '.join(PARTS)}")
    found = [result for name in names for result in part(name)]
    if names == PARTS:
        write("twin", found)
    else:
        for one in found:
            print(
                f"{one.bar}: {one.value:,} {one.unit}",
                ""
                if one.holds is None
                else f"(bar {one.bound:,}: {'holds' if one.holds else 'DOES NOT HOLD'})",
            )


if __name__ == "__main__":
    main()
