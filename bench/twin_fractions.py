"""Parts of accelerators on Alibaba's openb: what is allocated when 130 % of the pool has arrived.

- 1,213 nodes with 6,212 accelerators. Arrivals are the trace's requests in a random order, and then
  random ones of them, until what they ask for is 130 % of the pool; they stay, and who finds no
  place is turned away (FGD, ATC'23). The order follows from the seed; ten seeds, 0 to 9.
- The expected mix is that of the trace, all kinds of requests; those without an accelerator too.
"""

from __future__ import annotations

import csv
import gzip
from time import process_time
from typing import Final

import numpy as np
from bench.report import Result, at_least, compared, show
from bench.twin_data import TRACES, NoTraces
from bench.twin_process import told

from dure.engine.scheduling import fractions
from dure.engine.scheduling.facts import Ints

SEEDS: Final = range(10)
LOAD: Final = 1.3
PUBLISHED: Final = {"FGD": 95.4, "best fit": 93.1, "random": 87.5}
POLICIES: Final = {
    "ours": fractions.FRAGMENTATION,
    "best fit": fractions.BEST_FIT,
    "random": fractions.RANDOM,
}
HOW: Final = f"make bench-twin; openb, 1,213 nodes, mean of {len(SEEDS)} seeds at 130 % arrived"


def results() -> list[Result]:
    nodes, shapes, kinds = openb()
    found: dict[str, list[float]] = {name: [] for name in POLICIES}
    cost = dict.fromkeys(POLICIES, 0.0)
    placed = 0
    for seed in SEEDS:
        arrivals, draws = arriving(nodes, shapes, kinds, seed)
        placed += len(arrivals)
        for name, policy in POLICIES.items():
            began = process_time()
            found[name].append(allocated_pct(nodes, shapes, arrivals, policy, draws))
            cost[name] += process_time() - began
    told("openb, ours by seed: " + " ".join(f"{one:.2f}" for one in found["ours"]))
    mean = {name: float(np.mean(each)) for name, each in found.items()}
    rows: list[tuple[object, ...]] = [
        (name, mean[name], min(each), placed / cost[name]) for name, each in found.items()
    ]
    rows += [(f"{name}, published", value, "-", "-") for name, value in PUBLISHED.items()]
    show("openb at 130 %", ("policy", "allocated %", "least", "pods/CPU s"), rows)
    return [
        at_least("openb: allocated by ours", mean["ours"], "%", bound=PUBLISHED["FGD"], how=HOW),
        compared("openb: allocated by best fit", mean["best fit"], "%", how=HOW),
        compared("openb: allocated by random", mean["random"], "%", how=HOW),
    ]


def openb() -> tuple[fractions.Nodes, fractions.Shapes, Ints]:
    """The nodes, the kinds of requests, and the kind of each request of the trace."""
    machines = _rows("alibaba_openb2023_gpu_nodes.csv")
    models = sorted({one["model"] for one in machines})
    part = np.full((len(machines), max(int(one["gpu"]) for one in machines)), -1, np.int64)
    for row, one in zip(part, machines, strict=True):
        row[: int(one["gpu"])] = fractions.WHOLE
    nodes = fractions.Nodes(
        np.array([int(one["cpu_milli"]) for one in machines]),
        np.array([int(one["memory_mib"]) for one in machines]),
        part,
        np.array([models.index(one["model"]) for one in machines]),
    )
    asked = [_kind(pod, models) for pod in _rows("alibaba_openb2023_pods_full.csv.gz")]
    distinct = sorted(set(asked))
    place = {kind: n for n, kind in enumerate(distinct)}
    kinds = np.array([place[one] for one in asked])
    often = np.bincount(kinds, minlength=len(distinct)) / len(kinds)
    cpu, memory, wanted, each, accepts = np.array(distinct, np.int64).T.copy()
    return nodes, fractions.Shapes(cpu, memory, wanted, each, accepts, often), kinds


def arriving(
    nodes: fractions.Nodes, shapes: fractions.Shapes, kinds: Ints, seed: int
) -> tuple[Ints, np.ndarray]:
    """The kinds in the order of their arrival, and a draw for each."""
    chance = np.random.default_rng(seed)
    more = np.concatenate([chance.permutation(kinds), chance.choice(kinds, 20_000)])
    asked = np.cumsum(shapes.wanted[more] * shapes.part[more])
    arrivals = more[: int(np.searchsorted(asked, LOAD * nodes.part.clip(0).sum())) + 1]
    return arrivals, chance.random(len(arrivals))


def allocated_pct(
    nodes: fractions.Nodes, shapes: fractions.Shapes, arrivals: Ints, policy: int, draws: np.ndarray
) -> float:
    left = fractions.Nodes(*(column.copy() for column in nodes))
    fractions.place(left, shapes, arrivals, policy, draws)
    return float(100 * (1 - left.part.clip(0).sum() / nodes.part.clip(0).sum()))


def _kind(pod: dict[str, str], models: list[str]) -> tuple[int, int, int, int, int]:
    """Processors, memory, accelerators, the part of each, and a bit for each model accepted."""
    accepted = pod["gpu_spec"].split("|") if pod["gpu_spec"] else models
    wanted = int(pod["num_gpu"])
    return (
        int(pod["cpu_milli"]),
        int(pod["memory_mib"]),
        wanted,
        int(pod["gpu_milli"]) if wanted else 0,
        sum(1 << models.index(model) for model in accepted),
    )


def _rows(name: str) -> list[dict[str, str]]:
    path = TRACES / name
    if not path.exists():
        raise NoTraces(f"{name} is not beside the repository, in shared/data/traces")
    text = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    return list(csv.DictReader(text.decode().splitlines()))
