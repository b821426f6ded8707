"""What `sacct -P` prints, by its header.

- Asked for: JobID, Submit, AllocTRES (or ReqTRES), State, and Start with Elapsed or End.
- One row a job: steps are set aside, and of a job queued again and again (`--duplicates`) all but
  the last run; the job counts from its first submission.
- Times without a zone need one from the caller. A job runs no longer than from its start to its
  end: if it seems to, the times are of another zone, or of two.
- Members of arrays ("7_3") and components of heterogeneous jobs ("7+1") are jobs of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from dure.twin.workload.files import refusal, text_of
from dure.twin.workload.provenance import Form, Loaded
from dure.twin.workload.separated import sieve_of
from dure.twin.workload.sieve import MAX_AMOUNT, MAX_SECONDS, Sieve, table
from dure.twin.workload.slurm_values import (
    NOTHING,
    OUTCOMES,
    UNBOUNDED,
    UNFINISHED,
    NoSuchTime,
    accelerators,
    duration_s,
    moment,
)
from dure.twin.workload.trace import Flags, Ints, Outcome, Trace, trace_of

ASKED: Final = ("JobID", "Submit", "State", "Start")
READ: Final = (
    *ASKED, "End", "Elapsed", "ElapsedRaw", "Timelimit", "TimelimitRaw", "AllocTRES", "ReqTRES",
    "Account", "User", "NNodes", "AllocNodes",
)  # fmt: skip
MINUTE_S: Final = 60
_LATEST: Final = 1 << 33
"""The year 2242: a time after it is in milliseconds."""


def read_sacct(path: Path, *, zone: str | None, tolerate: int, licence: str | None) -> Loaded:
    text = text_of(path)
    sieve = sieve_of(path, text, asked=ASKED, separator="|")
    _check_columns(sieve)
    make = _trace(sieve, _zone(path, zone))
    return sieve.finish(make, form=Form.SACCT, tolerate=tolerate, read=READ, licence=licence)


def _check_columns(sieve: Sieve) -> None:
    names = ", ".join(sieve.columns)
    for either in (("AllocTRES", "ReqTRES"), ("Elapsed", "ElapsedRaw", "End")):
        if not set(either) & set(sieve.columns):
            raise refusal(sieve.path, "no_column", line=1, value=either[0], columns=names)


def _zone(path: Path, name: str | None) -> tzinfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise refusal(path, "not_a_zone", value=name) from error


def _trace(sieve: Sieve, zone: tzinfo | None) -> Callable[[Flags], Trace]:
    jobs = sieve.columns["JobID"]
    sieve.reject(jobs == "", "JobID", "missing")
    sieve.set_aside(np.strings.find(jobs, ".") >= 0, "step")
    outcome = _outcomes(sieve)
    submit = _times(sieve, "Submit", zone)
    sieve.reject(submit == 0, "Submit", "missing")
    start = _times(sieve, "Start", zone)
    sieve.set_aside(start == 0, "never_ran")
    end = _times(sieve, "End", zone)
    sieve.before("Start", start, "Submit", submit)
    sieve.before("End", np.where(end > 0, end, start), "Start", start)
    run = _runs(sieve, start, end)
    width, models = _widths(sieve)
    sieve.set_aside((width == 0) & (run == 0), "never_ran")  # cancelled while it waited
    sieve.set_aside(width == 0, "no_accelerator")
    submit = _last_runs(sieve, submit, start)
    sieve.changed(run == 0, "no_time")
    limit = _limits(sieve)
    model, model_names = table(models)
    account, accounts = sieve.names("Account")
    user, users = sieve.names("User")
    nodes = sieve.numbers(
        "NNodes" if "NNodes" in sieve.columns else "AllocNodes", most=MAX_AMOUNT, empty=0
    )

    def of(keep: Flags) -> Trace:
        first = int(submit[keep].min())
        return trace_of(
            job_id=jobs[keep],
            submit_s=submit[keep] - first,
            run_s=np.maximum(run[keep], 1),
            accelerators=width[keep],
            limit_s=limit[keep],
            nodes=nodes[keep],
            wait_s=start[keep] - submit[keep],
            outcome=outcome[keep],
            account=account[keep],
            user=user[keep],
            model=model[keep],
            accounts=accounts,
            users=users,
            models=model_names,
            origin=datetime.fromtimestamp(first, UTC),
        )

    sieve.sorting(submit)
    return of


def _outcomes(sieve: Sieve) -> Ints:
    """States as outcomes: "CANCELLED by 1001" is its first word."""
    words = [text.partition(" ")[0].lower() for text in sieve.columns["State"].tolist()]
    sieve.set_aside(np.array([word == "pending" for word in words], np.bool_), "never_ran")
    sieve.set_aside(np.array([word in UNFINISHED for word in words], np.bool_), "not_ended")
    unknown = np.array([word not in OUTCOMES for word in words], np.bool_)
    sieve.reject(unknown, "State", "not_a_word", words=", ".join(OUTCOMES).upper())
    return np.array([OUTCOMES.get(word, Outcome.UNKNOWN) for word in words], np.int64)


def _times(sieve: Sieve, name: str, zone: tzinfo | None) -> Ints:
    """Seconds since 1970; 0 where there is no time, or one that is rejected."""
    seconds = np.zeros(len(sieve.lines), np.int64)
    twofold = np.zeros(len(sieve.lines), np.bool_)
    column = _texts(sieve, name)
    for row in np.flatnonzero(sieve.keep).tolist():
        text = column[row].strip()
        if text.lower() in NOTHING:
            continue
        try:
            at = moment(text, zone)
        except NoSuchTime:
            sieve.broken(row, name, "no_such_time", value=text, zone=zone)
            continue
        if at is None and zone is None and moment(text, UTC) is not None:
            raise refusal(sieve.path, "no_zone", line=int(sieve.lines[row]), value=text)
        if at is None or not 0 < at.second < _LATEST:
            sieve.broken(row, name, "not_a_time", value=f"{text:.60}")
            continue
        seconds[row], twofold[row] = at
    sieve.changed(twofold, "twofold_time")
    return seconds


def _texts(sieve: Sieve, name: str) -> list[str]:
    """A column, or as many empty texts."""
    column = sieve.columns.get(name)
    return [""] * len(sieve.lines) if column is None else [str(text) for text in column]


def _runs(sieve: Sieve, start: Ints, end: Ints) -> Ints:
    """Elapsed time, which leaves out suspension, else from start to end."""
    between: Ints = end - start
    if "ElapsedRaw" in sieve.columns:
        name, run = "ElapsedRaw", sieve.numbers("ElapsedRaw")
    elif "Elapsed" in sieve.columns:
        name, run = "Elapsed", _durations(sieve, "Elapsed", NOTHING)
    else:
        sieve.reject(end == 0, "End", "missing")
        return np.asarray(np.maximum(between, 0), np.int64)
    # a second more: the times are cut to seconds, one by one
    for row in np.flatnonzero(sieve.keep & (end > 0) & (run > between + 1)).tolist():
        sieve.broken(row, name, "longer", value=run[row], between=between[row])
    return run


def _limits(sieve: Sieve) -> Ints:
    if "TimelimitRaw" not in sieve.columns:
        return _durations(sieve, "Timelimit", UNBOUNDED)
    column = sieve.columns["TimelimitRaw"].tolist()
    bounded = ["" if text.lower() in UNBOUNDED else text for text in column]
    sieve.columns = {**sieve.columns, "TimelimitRaw": np.array(bounded, np.str_)}
    minutes = sieve.numbers("TimelimitRaw", most=MAX_SECONDS // MINUTE_S, empty=0)
    return minutes * MINUTE_S


def _durations(sieve: Sieve, name: str, nothing: frozenset[str]) -> Ints:
    seconds = np.zeros(len(sieve.lines), np.int64)
    column = _texts(sieve, name)
    for row in np.flatnonzero(sieve.keep).tolist():
        text = column[row]
        if text.lower() in nothing:
            continue
        length = duration_s(text)
        if length is None:
            reason = "negative" if text.startswith("-") else "not_a_duration"
            sieve.broken(row, name, reason, value=f"{text:.60}")
        elif length > MAX_SECONDS:
            sieve.broken(row, name, "too_large", value=text, most=MAX_SECONDS)
        else:
            seconds[row] = length
    return seconds


def _widths(sieve: Sieve) -> tuple[Ints, Sequence[str]]:
    name = "AllocTRES" if "AllocTRES" in sieve.columns else "ReqTRES"
    width = np.zeros(len(sieve.lines), np.int64)
    models = [""] * len(sieve.lines)
    for row in np.flatnonzero(sieve.keep).tolist():
        text = str(sieve.columns[name][row])
        found = accelerators(text)
        if found is None:
            sieve.broken(row, name, "not_tres", value=f"{text:.60}")
        elif found.number > MAX_AMOUNT:
            sieve.broken(row, name, "too_large", value=found.number, most=MAX_AMOUNT)
        else:
            width[row], models[row] = found
    return width, models


def _last_runs(sieve: Sieve, submit: Ints, start: Ints) -> Ints:
    """Sets earlier runs aside and gives the last one the first submission."""
    rows = np.flatnonzero(sieve.keep)
    jobs = sieve.columns["JobID"]
    if len(set(jobs[rows].tolist())) == len(rows):
        return submit
    submit = submit.copy()
    earlier = np.zeros_like(sieve.keep)
    last: dict[str, int] = {}
    for row in rows[np.argsort(start[rows], kind="stable")].tolist():
        before = last.get(str(jobs[row]))
        if before is not None:
            earlier[before] = True
            submit[row] = min(submit[row], submit[before])
        last[str(jobs[row])] = row
    sieve.set_aside(earlier, "earlier_run")
    return submit
