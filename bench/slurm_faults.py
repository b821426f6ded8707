"""What breaks on a Slurm site under load, ten times each, and whether the books are right after.

- Real daemons: 3 nodes x 4, the agent's own command, a hub; owner's jobs take accelerators back
  from lent ones all the while, and one guaranteed job runs from before the faults until after.
- The truth is sacct's, run by run, in accelerator-seconds. Lost, doubled and touched must be none.
- `--times N`, `--hub-down-s S` and `--only FAULT,FAULT` for shorter or longer runs; only a run of
  ten times writes results and the table of docs/explanations/slurm-faults.md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench.report import RESULTS, Result, at_most, compared, show, write
from tests import slurm_faults as faults
from tests.slurm_faults import Outcome, Strike
from tests.slurm_lab import standing
from tests.slurm_load import SHAPE, Site

TIMES: Final = 10
HUB_DOWN_S: Final = 30.0
AWAY_S: Final = 8.0
TABLE: Final = Path(__file__).parents[1] / "docs" / "explanations" / "slurm-faults.md"
BEGINS, ENDS = "<!-- measured -->", "<!-- /measured -->"
RUNS: Final = RESULTS / "slurm-faults-runs.json"


def strikes(hub_down_s: float) -> dict[str, tuple[str, Strike]]:
    """Key -> the words of the table, and the fault."""
    return {
        "agent": ("agent killed (-9)", faults.kill_agent),
        "hub": (f"hub away {hub_down_s:g} s", faults.without_hub(hub_down_s)),
        "controller": ("slurmctld restarted", faults.restart_controller),
        "accounting": (f"slurmdbd away {AWAY_S:g} s", faults.without_accounting(AWAY_S)),
        "node": ("node killed", faults.kill_node),
        "hang": ("node hung", faults.hang_node),
        "network": (f"agent's network cut {AWAY_S:g} s", faults.cut_network(AWAY_S)),
        "disk": (f"spool's disk full {AWAY_S:g} s", faults.fill_disk(AWAY_S)),
    }


def struck(site: Site, words: str, strike: Strike, *, times: int, disk: bool) -> Outcome | None:
    """One fault so often; None where this machine cannot make it."""
    if not disk:
        return faults.play(site, words, strike, times=times)
    with faults.small_disk(site) as possible:
        return faults.play(site, words, strike, times=times) if possible else None


def measured(only: list[str], *, times: int, hub_down_s: float) -> list[Outcome]:
    made = []
    with standing(SHAPE) as lab, tempfile.TemporaryDirectory(prefix="dure-faults-") as home:
        site = Site(lab, Path(home))
        try:
            site.begin()
            for key in only:
                words, strike = strikes(hub_down_s)[key]
                try:
                    outcome = struck(site, words, strike, times=times, disk=key == "disk")
                except AssertionError as broken:
                    print(f"{words}: DOES NOT HOLD, {broken}", flush=True)
                    continue
                if outcome is None:
                    print(f"{words}: not run, a small file system cannot be mounted here")
                else:
                    made.append(outcome)
                    print(outcome, flush=True)
                    if times >= TIMES:
                        keep([outcome])
        finally:
            site.close()
    return made


def table(outcomes: list[Outcome]) -> str:
    """As the page has it."""
    heads = ("fault, under load", "times", "jobs", "runs", "accelerator-seconds", "lost")
    lines = [
        f"| {' | '.join(heads)} | counted twice | forgotten by Slurm | guaranteed jobs touched |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {o.fault} | {o.times} | {o.jobs} | {o.runs} | {o.accelerator_seconds:,} | {o.lost} |"
        f" {o.doubled} | {o.forgotten} | {o.touched} |"
        for o in outcomes
    ]
    return "\n".join(lines)


def results(outcomes: list[Outcome]) -> list[Result]:
    made = []
    for one in outcomes:
        how = f"make bench-slurm-faults; {one.times} times under load, {one.runs} runs of jobs"
        made += [
            at_most(f"{one.fault}: accelerator-seconds lost", one.lost, "s", bound=0, how=how),
            at_most(f"{one.fault}: counted twice", one.doubled, "s", bound=0, how=how),
            at_most(f"{one.fault}: guaranteed jobs touched", one.touched, "jobs", bound=0, how=how),
            compared(
                f"{one.fault}: accelerator-seconds compared", one.accelerator_seconds, "s", how=how
            ),
            compared(f"{one.fault}: forgotten by Slurm", one.forgotten, "s", how=how),
        ]
    return made


def keep(outcomes: list[Outcome]) -> None:
    """The results and the page's table, from all runs of ten so far."""
    RESULTS.mkdir(exist_ok=True)
    before = json.loads(RUNS.read_text()) if RUNS.exists() else []
    new = {one.fault for one in outcomes}
    kept = [Outcome(**({"forgotten": 0} | one)) for one in before if one["fault"] not in new]
    order = [words for words, _ in strikes(HUB_DOWN_S).values()]
    every = sorted([*kept, *outcomes], key=lambda o: (o.fault not in order, o.fault))
    every.sort(key=lambda o: order.index(o.fault) if o.fault in order else len(order))
    RUNS.write_text(json.dumps([asdict(one) for one in every], indent=2) + "\n")
    write("slurm-faults", results(every))
    page = TABLE.read_text(encoding="utf-8")
    head, rest = page.split(BEGINS)
    tail = rest.split(ENDS)[1]
    TABLE.write_text(f"{head}{BEGINS}\n\n{table(every)}\n\n{ENDS}{tail}", encoding="utf-8")


def main() -> None:
    keys = list(strikes(HUB_DOWN_S))
    options = argparse.ArgumentParser()
    options.add_argument("--times", type=int, default=TIMES)
    options.add_argument("--hub-down-s", type=float, default=HUB_DOWN_S)
    options.add_argument(
        "--only", default=",".join(keys), help="keys, by commas: " + ",".join(keys)
    )
    asked = options.parse_args()
    outcomes = measured(asked.only.split(","), times=asked.times, hub_down_s=asked.hub_down_s)
    heads = ("fault", "times", "jobs", "runs", "accelerator-s", "lost", "twice", "forgotten")
    show(
        "What broke, and the books after",
        (*heads, "touched", "s"),
        [tuple(asdict(outcome).values()) for outcome in outcomes],
    )


if __name__ == "__main__":
    main()
