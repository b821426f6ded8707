"""What an accelerator's report means for its node: one table.

- `application`: the work on it did something wrong; another job would not.
- `watch`: the device mended it, or contained it to one job; counted, nothing is stopped.
- `reset`: the device, or the node, has to be started anew before new work comes.
- XID codes and what follows from each are the vendor's ("Analyzing Xid Errors", its catalogue for
  A100 to GB200: immediate action). A code that is not named here is watched: the vendor adds some
  with each generation, and most new ones are notes.
"""

from __future__ import annotations

from typing import Final, Literal

from dure.engine.incidents.facts import FaultKind

Judgement = Literal["application", "watch", "reset"]

_XID: Final[dict[str, Judgement]] = {
    "8": "application",  # stopped processing: the job is started again
    "11": "application",  # broken command stream
    "13": "application",  # graphics engine exception: mostly an index out of bounds
    "31": "application",  # memory page fault: an illegal address
    "32": "application",  # broken push buffer
    "43": "application",  # stopped processing: ended by the job's own error
    "45": "application",  # cleaned up after an earlier error, also when a job is cancelled
    "68": "application",  # video decoder exception
    "69": "application",  # graphics engine class error
    "46": "reset",  # stopped processing, and a reset is asked for
    "48": "reset",  # double-bit ECC error
    "62": "reset",  # internal micro-controller halt
    "63": "watch",  # a row of memory was remapped, as of the next reset
    "64": "reset",  # a row of memory could not be remapped
    "74": "reset",  # NVLink error
    "79": "reset",  # fallen off the bus: only the whole node can be started anew
    "92": "watch",  # many single-bit ECC errors, corrected
    "94": "watch",  # memory error contained to one job
    "95": "reset",  # memory error not contained
    "109": "reset",  # context switch timeout
    "110": "reset",  # security fault
    "119": "reset",  # system processor does not answer
    "120": "reset",  # system processor error
    "136": "reset",  # link training failed
    "140": "reset",  # ECC error not recovered
    "143": "reset",  # initialisation failed
    "154": "reset",  # the driver itself says that a recovery is needed
}

_OTHER: Final[dict[tuple[FaultKind, str], Judgement]] = {
    ("ecc", "dbe"): "reset",  # double-bit errors since the driver was loaded went up
    ("ecc", "remap_failure"): "reset",  # spare rows are used up
    ("link", "down"): "reset",
    ("link", "recovery"): "watch",  # the link trained anew and goes on
    ("link", "replay"): "watch",
    ("link", "crc_flit"): "watch",
    ("link", "crc_data"): "watch",
}


def judged(kind: FaultKind, code: str) -> Judgement:
    """What follows from the report."""
    if kind == "xid":
        return _XID.get(code, "watch")
    return _OTHER.get((kind, code), "watch")
