"""Alibaba's openb pods and nodes: shares of accelerators, processors and memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from dure.twin.workload.common_form import MAX_MEMORY_MIB
from dure.twin.workload.files import text_of
from dure.twin.workload.provenance import Form, Loaded, UnableToReadTrace
from dure.twin.workload.separated import sieve_of
from dure.twin.workload.sieve import MAX_AMOUNT, Sieve
from dure.twin.workload.trace import WHOLE, Flags, Ints, Outcome, Texts, Trace, trace_of

PODS: Final = (
    "name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec", "pod_phase",
    "creation_time", "deletion_time", "scheduled_time",
)  # fmt: skip
NODES: Final = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
PHASES: Final = {
    "succeeded": Outcome.COMPLETED,
    "failed": Outcome.FAILED,
    "running": Outcome.UNKNOWN,
    "pending": Outcome.UNKNOWN,
}


def read_openb(path: Path, *, tolerate: int, licence: str | None) -> Loaded:
    """Pods with accelerators, from their creation; they run from scheduling to deletion.

    A pod that was never scheduled is set aside; `model` is the models it accepts, with |.
    """
    sieve = sieve_of(path, text_of(path), asked=PODS)
    make = _pods(sieve)
    read = (*PODS, "qos")  # the class of service decides nothing here
    return sieve.finish(make, form=Form.OPENB, tolerate=tolerate, read=read, licence=licence)


def _pods(sieve: Sieve) -> Callable[[Flags], Trace]:
    width = sieve.numbers("num_gpu", most=MAX_AMOUNT)
    share = sieve.numbers("gpu_milli", most=WHOLE)
    sieve.set_aside((width == 0) | (share == 0), "no_accelerator")
    created = sieve.numbers("creation_time")
    scheduled = sieve.numbers("scheduled_time", least=-1, empty=-1)
    sieve.set_aside(scheduled < 0, "never_ran")
    deleted = sieve.numbers("deletion_time")
    sieve.before("scheduled_time", scheduled, "creation_time", created)
    sieve.before("deletion_time", deleted, "scheduled_time", scheduled)
    processors = sieve.numbers("cpu_milli", most=MAX_AMOUNT * WHOLE)
    memory = sieve.numbers("memory_mib", most=MAX_MEMORY_MIB)
    outcome, unknown = sieve.words("pod_phase", PHASES, empty=Outcome.UNKNOWN)
    sieve.changed(unknown, "unknown_outcome")
    sieve.unique("name")
    sieve.changed(deleted == scheduled, "no_time")
    sieve.sorting(created)
    model, models = sieve.names("gpu_spec")
    return lambda keep: trace_of(
        job_id=sieve.columns["name"][keep],
        submit_s=created[keep],
        run_s=np.maximum(deleted[keep] - scheduled[keep], 1),
        accelerators=width[keep],
        share_milli=share[keep],
        cpu_milli=processors[keep],
        memory_mib=memory[keep],
        wait_s=scheduled[keep] - created[keep],
        outcome=outcome[keep],
        model=model[keep],
        models=models,
    )


class Machines(NamedTuple):
    """Nodes by place; `model` is a number into `models`."""

    name: Texts
    cpu_milli: Ints
    memory_mib: Ints
    accelerators: Ints
    model: Ints
    models: tuple[str, ...]


def openb_nodes(path: Path) -> Machines:
    """The nodes of openb; every row must be right. Raises UnableToReadTrace."""
    sieve = sieve_of(path, text_of(path), asked=NODES)
    model, models = sieve.names("model")
    machines = Machines(
        name=sieve.columns["sn"],
        cpu_milli=sieve.numbers("cpu_milli", most=MAX_AMOUNT * WHOLE),
        memory_mib=sieve.numbers("memory_mib", most=MAX_MEMORY_MIB),
        accelerators=sieve.numbers("gpu", most=MAX_AMOUNT),
        model=model,
        models=models,
    )
    sieve.unique("sn")
    if sieve.problems:
        rows, kept = len(sieve.lines) + sieve.unread, int(sieve.keep.sum())
        raise UnableToReadTrace(path.name, tuple(sieve.problems), rows=rows, kept=kept)
    return machines
