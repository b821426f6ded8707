"""Demand and failures for the twin: read from traces, or drawn like them."""

from dure.twin.workload.copies import shifted_copies
from dure.twin.workload.failures import (
    B200_LEMONS,
    LLAMA3_PER_NODE_DAY,
    RSC_PER_NODE_DAY,
    Lemons,
    Repair,
    UnusableRate,
    failures,
)
from dure.twin.workload.fitting import Fitted, UnableToFit, fit
from dure.twin.workload.generating import UnableToGenerate, generate
from dure.twin.workload.openb import Machines, openb_nodes
from dure.twin.workload.provenance import (
    Form,
    Loaded,
    Problem,
    Provenance,
    UnableToReadTrace,
)
from dure.twin.workload.reading import read, write
from dure.twin.workload.trace import Kind, Outcome, Trace, UnusableTrace, same, trace_of

__all__ = [
    "B200_LEMONS",
    "LLAMA3_PER_NODE_DAY",
    "RSC_PER_NODE_DAY",
    "Fitted",
    "Form",
    "Kind",
    "Lemons",
    "Loaded",
    "Machines",
    "Outcome",
    "Problem",
    "Provenance",
    "Repair",
    "Trace",
    "UnableToFit",
    "UnableToGenerate",
    "UnableToReadTrace",
    "UnusableRate",
    "UnusableTrace",
    "failures",
    "fit",
    "generate",
    "openb_nodes",
    "read",
    "same",
    "shifted_copies",
    "trace_of",
    "write",
]
