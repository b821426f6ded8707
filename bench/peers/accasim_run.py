"""AccaSim on the bench's jobs: `python accasim_run.py FIFO|SJF|EASY NODES:FILE ...`.

- Run by the peers' own Python, on AccaSim as it is published; nothing of it is changed or copied.
- AccaSim 1.1.3 was written for Python up to 3.9, where `collections` still named the abstract
  classes: the name is given back before it is imported.
- A job of more than eight accelerators takes whole nodes, its last one too: AccaSim asks for the
  same on each node. Its waits therefore are a little longer than with the remainder on a part.
- Its schedule file, its statistics and its progress lines are turned off; they only cost time.
"""

from __future__ import annotations

import collections
import collections.abc
import json
import sys
import tempfile
from pathlib import Path

collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined]  # gone since 3.10

from accasim.base.allocator_class import FirstFit  # noqa: E402
from accasim.base.scheduler_class import (  # noqa: E402
    EASYBackfilling,
    FirstInFirstOut,
    ShortestJobFirst,
)
from accasim.base.simulator_class import Simulator  # noqa: E402
from accasim.utils.reader_class import DefaultTweaker  # noqa: E402

SIZE = 8
WAYS = {"FIFO": FirstInFirstOut, "SJF": ShortestJobFirst, "EASY": EASYBackfilling}


class WholeNodes(DefaultTweaker):
    """A job asks for a part of one node, or for whole ones."""

    def tweak_function(self, _dict: dict[str, object]) -> dict[str, object]:
        job = super().tweak_function(_dict)
        width = job["core"]
        job["requested_nodes"] = -(-width // SIZE)
        job["requested_resources"] = {"core": min(width, SIZE)}
        return job


def played(way: str, nodes: int, workload: Path, folder: Path) -> list[float]:
    """The waits of all jobs."""
    system = folder / "system.json"
    system.write_text(json.dumps({
        "groups": {"g": {"core": SIZE}}, "resources": {"g": nodes},
        "equivalence": {"processor": {"core": 1}}, "start_time": 0,
    }))  # fmt: skip
    simulator = Simulator(
        str(workload), str(system), WAYS[way](FirstFit()), tweak_function=WholeNodes(0),
        scheduling_output=False, statistics_output=False, show_statistics=False,
        RESULTS_FOLDER_PATH=str(folder), LOG_LEVEL="ERROR",
    )  # fmt: skip
    simulator.start_simulation()
    return simulator.mapper.wtimes


def main() -> None:
    way, *parts = sys.argv[1:]
    waits: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            nodes, _, workload = part.partition(":")
            waits += played(way, int(nodes), Path(workload), Path(folder))
            print(f"{nodes} nodes done", flush=True)
    print(json.dumps({"jobs": len(waits), "mean_wait_s": sum(waits) / len(waits)}))


if __name__ == "__main__":
    main()
