"""How busy a job's accelerators were and what they drew, where an exporter says so: pure.

- A look takes each accelerator's activity and power, and finds whose it is: by the job that the
  exporter names itself (`hpc_job`), else by the numbers that Slurm gave the job on that node.
- Figures are kept by run and by cut, so that a segment takes exactly its own. A segment is said
  after its last look: what was said stays.
- An accelerator that two jobs name is nobody's. A run without a look has no figure, which is not
  zero.
- Power is the counter of energy against the last look where there is one, else what is drawn now.
  Energy of a segment is the mean power of its looks over its whole length.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from dure.backends.slurm.device_faults import Sample, device_of, node_of
from dure.backends.slurm.hostlist import expand
from dure.protocol import UsageRecord
from dure.vocabulary.frozen import Frozen

SHOW_PLACES: Final = ("scontrol", "-d", "show", "job")
KEPT_S: Final = 2 * 24 * 3600
"""A count that stood still over a weekend's night still finds its figures (our choice)."""

_BUSY: Final = {
    "DCGM_FI_DEV_GPU_UTIL": 10.0,
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": 1000.0,
    "nvidia_smi_utilization_gpu_ratio": 1000.0,
    "nvidia_gpu_duty_cycle": 10.0,
    "gpu_gfx_activity": 10.0,
}
"""Times this is permille: of DCGM's exporter, nvidia_gpu_exporter, NVML's older one, and ROCm's."""
_WATTS: Final = {
    "DCGM_FI_DEV_POWER_USAGE": 1.0,
    "nvidia_smi_power_draw_watts": 1.0,
    "nvidia_gpu_power_usage_milliwatts": 0.001,
    "gpu_package_power": 1.0,
}
_ENERGY_MJ: Final = {"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 1.0}
"""Millijoules since the driver was loaded."""
_MOST: Final = {"busy": 1000.0, "watts": 5000.0, "energy": 2.0**52}
"""Beyond it stands DCGM's word for "no value"; 5 kW is more than any accelerator draws."""
_JOB_LABELS: Final = ("hpc_job", "job_id", "slurm_job_id")

_JOB: Final = re.compile(r"^JobId=(\d+)", re.MULTILINE)
_PLACE: Final = re.compile(r"^ +Nodes=(\S+) CPU_IDs=\S* Mem=\d+ GRES=(\S*)", re.MULTILINE)
_INDEX: Final = re.compile(r"\(IDX:([\d,-]+)\)")

Device = tuple[str, str]
"""Node and number of an accelerator."""
Run = tuple[str, int]
"""Job and start."""


@dataclass(slots=True)
class Figure:
    """What was read of one accelerator at one look."""

    busy_permille: float | None = None
    watts: float | None = None
    energy_mj: float | None = None
    jobs: set[str] = field(default_factory=set)


class Looks(Frozen):
    """Sums of the looks at one run between two cuts."""

    busy: int = 0
    of_busy: int = 0
    milliwatts: int = 0
    of_watts: int = 0


class ActivityBook(Frozen):
    """What is kept between looks; `energy` has each accelerator's counter, `at_s` its instant."""

    at_s: int = 0
    energy: dict[str, float] = {}
    looks: dict[str, Looks] = {}


def figures(samples: Iterable[Sample], *, nodes: Collection[str]) -> dict[Device, Figure]:
    """The accelerators of these nodes; what is of a part of one (MIG) is left out."""
    found: defaultdict[Device, Figure] = defaultdict(Figure)
    names = frozenset(nodes)
    for sample in samples:
        node = node_of(sample, names)
        if node is None or sample.labels.get("GPU_I_ID"):
            continue
        figure = found[node, _number(sample.labels)]
        _take(figure, sample)
        figure.jobs |= {job for label in _JOB_LABELS if (job := sample.labels.get(label))}
    return dict(found)


def places(text: str) -> dict[Device, str]:
    """Accelerator -> the one job that has it, as SHOW_PLACES says."""
    claims: defaultdict[Device, set[str]] = defaultdict(set)
    for job, described in _jobs(text):
        for hosts, gres in _PLACE.findall(described):
            numbers = [n for part in _INDEX.findall(gres) for n in expand(f"[{part}]")]
            for node in expand(hosts):
                for number in numbers:
                    claims[node, number].add(job)
    return {device: next(iter(jobs)) for device, jobs in claims.items() if len(jobs) == 1}


def looked(
    book: ActivityBook,
    seen: Mapping[Device, Figure],
    *,
    placed: Mapping[Device, str],
    started: Mapping[str, int],
    every_s: int,
    now_s: int,
) -> ActivityBook:
    """The book after a look; `started` has the start of each job that runs."""
    looks = dict(book.looks)
    for device, figure in sorted(seen.items()):
        jobs = figure.jobs & started.keys() or {placed.get(device, "")}
        job = min(jobs)
        if len(jobs) > 1 or job not in started:
            continue
        key = _key(job, started[job], now_s, every_s)
        looks[key] = _added(looks.get(key, Looks()), figure, _watts(book, device, figure, now_s))
    oldest = now_s - KEPT_S
    return ActivityBook(
        at_s=now_s,
        energy={_name(d): f.energy_mj for d, f in seen.items() if f.energy_mj is not None},
        looks={key: look for key, look in looks.items() if int(key.rpartition("/")[2]) > oldest},
    )


def with_figures(
    record: UsageRecord, book: ActivityBook, *, run_start_s: int, every_s: int
) -> UsageRecord:
    """The record with what its looks say; as it is where there was none."""
    start_s = int(record.start.timestamp())
    look = book.looks.get(_key(record.job, run_start_s, start_s, every_s))
    if look is None:
        return record
    seconds = round((record.end - record.start).total_seconds())
    busy = round(look.busy / look.of_busy) if look.of_busy else None
    milliwatts = look.milliwatts / look.of_watts if look.of_watts else None
    joules = (
        None if milliwatts is None else round(milliwatts * record.accelerators * seconds / 1000)
    )
    return record.model_copy(update={"busy_permille": busy, "energy_j": joules})


def _number(labels: dict[str, str]) -> str:
    return labels.get("minor_number") or labels.get("gpu_id") or device_of(labels)


def _take(figure: Figure, sample: Sample) -> None:
    for names, what in ((_BUSY, "busy"), (_WATTS, "watts"), (_ENERGY_MJ, "energy")):
        if sample.name not in names:
            continue
        value = sample.value * names[sample.name]
        if not 0 <= value <= _MOST[what]:
            continue
        if what == "busy" and figure.busy_permille is None:
            figure.busy_permille = value
        elif what == "watts" and figure.watts is None:
            figure.watts = value
        elif what == "energy":
            figure.energy_mj = value


def _watts(book: ActivityBook, device: Device, figure: Figure, now_s: int) -> float | None:
    before, seconds = book.energy.get(_name(device)), now_s - book.at_s
    if before is not None and figure.energy_mj is not None and seconds > 0:
        watts = (figure.energy_mj - before) / 1000 / seconds
        if 0 <= watts <= _MOST["watts"]:
            return watts
    return figure.watts


def _added(look: Looks, figure: Figure, watts: float | None) -> Looks:
    busy = figure.busy_permille
    return Looks(
        busy=look.busy + round(busy or 0),
        of_busy=look.of_busy + (busy is not None),
        milliwatts=look.milliwatts + round((watts or 0) * 1000),
        of_watts=look.of_watts + (watts is not None),
    )


def _jobs(text: str) -> Iterator[tuple[str, str]]:
    starts = list(_JOB.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    for match, end in zip(starts, ends, strict=True):
        yield match[1], text[match.end() : end]


def _key(job: str, run_start_s: int, at_s: int, every_s: int) -> str:
    return f"{job}/{run_start_s}/{at_s // every_s * every_s}"


def _name(device: Device) -> str:
    return "/".join(device)
