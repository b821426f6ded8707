"""One way of deciding one round, in a process of its own: `python -m bench.rounds_way WAY ROUND S`.

- CPU seconds are the process's, all threads, from the facts in memory to the awards; making the
  round and loading the solver's library come before. Memory is the process's peak, those included.
- At the limit the solver stops with what it has. A model that is not built by then, or not within
  8 GiB, is said to be so.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from bench.rounds_by_rank import by_rank
from bench.rounds_count import Count, count
from bench.rounds_data import Award, Facts, instance
from bench.rounds_plain import Model, TooLong, built
from bench.rounds_solvers import Found, Point, by_cp_sat, by_highs

from dure.vocabulary.plans import Header

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC))
MEMORY_BYTES = 8 * 2**30
REPEATS = 3  # of our own plan, where it takes under ENOUGH_S and the second decimal matters
ENOUGH_S = 2.0


@dataclass
class Report:
    """`cold_cpu_s` is the first run of its process, which also loads what is loaded on use."""

    way: str
    round: str
    cpu_s: float
    cold_cpu_s: float
    peak_mib: float
    built_cpu_s: float = 0
    failed: str = ""
    bound: int | None = None
    count: Count | None = None
    points: list[Point] = field(default_factory=list)


def by_dure(facts: Facts) -> Found:
    from dure.engine.allocation import plan  # noqa: PLC0415  # loaded only by its own contestant

    decided = plan(facts.snapshot, facts.policy, HEADER)
    awards = {i.application: Award(i.pool, i.start, i.servers) for i in decided.intents if i.pool}
    return Found(awards, decided.bound)


def way(name: str, facts: Facts, limit_s: float) -> Callable[[], Found]:
    def plain(solve: Callable[[Model], Found]) -> Found:
        ranked = facts.policy.policy == "strict-rank"
        return solve(built(facts, ranked=ranked, limit_cpu_s=limit_s))

    return {
        "Dure": lambda: by_dure(facts),
        "by rank, stop": lambda: Found(by_rank(facts, stop=True)),
        "by rank, skip": lambda: Found(by_rank(facts, stop=False)),
        "plain CP-SAT": lambda: plain(by_cp_sat),
        "plain HiGHS": lambda: plain(by_highs),
    }[name]


def load(name: str) -> None:
    """Loads the libraries a contestant needs, before the clock starts."""
    if name != "plain HiGHS":
        from ortools.sat.python import cp_model  # noqa: F401, PLC0415
    if name != "plain CP-SAT":
        from ortools.math_opt.python import mathopt  # noqa: F401, PLC0415


def main() -> None:
    name, which, limit_s = sys.argv[1:]
    facts = Facts(*instance(which))
    if name.startswith("plain"):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    report = Report(name, which, 0, 0, 0)
    spent: list[float] = []
    try:
        load(name)
        work = way(name, facts, float(limit_s))
        while not spent or (name == "Dure" and sum(spent) < ENOUGH_S and len(spent) < REPEATS):
            before = time.process_time()
            try:
                found = work()
            finally:
                spent.append(time.process_time() - before)
        report.bound, report.points = found.bound, found.points
        report.built_cpu_s = found.built_cpu_s
        report.failed = "" if found.awards is not None else "no plan found"
    except TooLong as error:
        found, report.failed = Found(), str(error)
    except MemoryError:
        found, report.failed = Found(), "out of 8 GiB"
    report.cpu_s, report.cold_cpu_s = statistics.median(spent), spent[0]
    report.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if found.awards is not None:
        report.count = count(facts, found.awards)
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    main()
