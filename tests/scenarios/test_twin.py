"""The shipped scenario under every policy, one seed: figures and decisions read as a golden text.

Write it anew with `DURE_WRITE_GOLDEN=1`.
"""

from __future__ import annotations

import os
from pathlib import Path

from dure.cli.programme_library import load_programme
from dure.twin import study
from dure.twin.compare import COMPARED
from dure.twin.metrics import Metrics
from dure.twin.scenario_file import load_scenario

GOLDEN = Path(__file__).parent / "twin_small_pool.txt"


def told(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


def written(one: Metrics, events: tuple[tuple[int, str, str, int], ...]) -> list[str]:
    return [
        f"{one.policy}: {one.jobs} jobs, {one.finished} finished",
        *(f"  {name} {told(getattr(one, name))}" for name in COMPARED),
        *(f"  day {at_s // 86_400}: {what} {who} {n}" for at_s, what, who, n in events),
    ]


def test_the_shipped_scenario_comes_to_what_the_golden_text_says() -> None:
    scenario, folder = load_scenario("small-pool")
    done = study.conduct(scenario, folder=folder, programmes=load_programme, seeds=1)
    lines = [line for one in done.metrics for line in written(one, done.events[one.policy])]
    text = "\n".join(lines) + "\n"
    if os.environ.get("DURE_WRITE_GOLDEN"):
        GOLDEN.write_text(text)
    assert GOLDEN.read_text() == text
