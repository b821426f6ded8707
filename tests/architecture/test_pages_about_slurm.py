"""The page of Slurm's traps says of each which test covers it; those tests are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parents[1]
PAGE: Final = (TESTS.parent / "docs" / "explanations" / "slurm.md").read_text(encoding="utf-8")
NAMED: Final = sorted(set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)))
LISTS: Final = {"Of portals that bind to Slurm": 17, "Of real daemons on one machine": 19}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_the_page_names_is_there(file: str, name: str) -> None:
    assert any(f"def {name}(" in found.read_text(encoding="utf-8") for found in TESTS.rglob(file))


@pytest.mark.parametrize("title", LISTS)
def test_every_trap_of_the_two_lists_has_its_line(title: str) -> None:
    section = PAGE.partition(f"### {title}\n")[2].partition("\n#")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:3] != "|--"]
    numbers = [row[0] for row in rows if row[0].isdigit()]
    assert numbers == [str(number) for number in range(1, LISTS[title] + 1)]
    assert all(len(row) == 3 and row[2].strip() for row in rows if row[0].isdigit())
