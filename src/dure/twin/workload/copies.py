"""One trace many times over: a national pool from one cluster's demand.

Copy k is the trace turned by k shifts: what leaves at the end of the trace comes in at its
beginning, so that every copy has all of its jobs somewhere and none of its gaps at the same time.
"""

from __future__ import annotations

import numpy as np

from dure.twin.workload.fitting import DAY_S
from dure.twin.workload.trace import ARRAYS, Ints, Texts, Trace, trace_of


def shifted_copies(trace: Trace, *, count: int, days: int, shift_s: int | None = None) -> Trace:
    """The first `days` days of `count` copies, `shift_s` apart (evenly, if it is not said).

    Each copy has accounts and users of its own: "01/name", or "01" where the trace names none.
    """
    span = max(trace.span_s(), 1)
    shift = span // count if shift_s is None else shift_s
    submit = (trace.submit_s + np.arange(count)[:, None] * shift) % span
    copy, row = np.nonzero(submit < days * DAY_S)
    digits = len(str(count))
    marks = [f"{number:0{digits}}" for number in range(1, count + 1)]
    columns = {name: getattr(trace, name)[row] for name in ARRAYS}
    ids: Texts = np.strings.add(np.array([mark + "/" for mark in marks])[copy], columns["job_id"])
    return trace_of(
        **columns
        | {
            "job_id": ids,
            "submit_s": submit[copy, row],
            "account": _apart(copy, columns["account"], len(trace.accounts)),
            "user": _apart(copy, columns["user"], len(trace.users)),
        },
        accounts=_marked(marks, trace.accounts),
        users=_marked(marks, trace.users),
        models=trace.models,
        origin=trace.origin,
    )


def _apart(copy: Ints, place: Ints, names: int) -> Ints:
    apart: Ints = copy * names + place
    return apart


def _marked(marks: list[str], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{mark}/{name}" if name else mark for mark in marks for name in names)
