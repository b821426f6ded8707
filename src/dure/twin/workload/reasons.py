"""Why a row of a trace is not read as it stands: code -> English sentence, to be translated.

- A *broken* row cannot be believed; the file is refused unless so many broken rows are allowed.
- A row *set aside* is whole, and is not a job's work on accelerators.
- A *changed* row is kept with a value that the file does not have.
"""

from __future__ import annotations

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

BROKEN: Final[dict[str, str]] = {
    "columns": _("{value} values stand here and the header names {expected}"),
    "missing": _("nothing stands here; fill it in"),
    "not_a_number": _("'{value}' is not a number; write digits only, without a unit"),
    "negative": _("'{value}' is negative"),
    "too_small": _("'{value}' is less than {least}"),
    "too_large": _("'{value}' is more than {most}, which nothing real reaches; check the unit"),
    "not_a_word": _("'{value}' is not one of {words}"),
    "twice": _("job '{value}' already stands in line {first}"),
    "not_a_duration": _("'{value}' is not a duration such as 1-02:03:04"),
    "not_a_time": _("'{value}' is not a time such as 2026-01-31T23:59:59"),
    "no_such_time": _("'{value}' did not exist in the zone {zone}, whose clocks were put forward"),
    "before": _("'{value}' is before {earlier}; are the times of one zone?"),
    "longer": _("the job ran {value} s in the {between} s from start to end; check the zone"),
    "not_tres": _("'{value}' does not say accelerators as in gres/gpu=8"),
}

SET_ASIDE: Final[dict[str, str]] = {
    "step": _("steps of jobs, whose work is in the job"),
    "never_ran": _("never started"),
    "not_ended": _("had not ended"),
    "no_accelerator": _("asked for no accelerator"),
    "earlier_run": _("earlier runs of jobs that were queued again; the last one is kept"),
    "part": _("parts of jobs that are there as a whole"),
}

CHANGED: Final[dict[str, str]] = {
    "no_time": _("ran for 0 seconds: counted as 1"),
    "rounded": _("fractions of a unit: rounded"),
    "sorted": _("not in the order of submission: sorted"),
    "unknown_outcome": _("an outcome that is not known here: left open"),
    "twofold_time": _("times in the hour when clocks were put back: the earlier one is taken"),
}

UNREADABLE: Final[dict[str, str]] = {
    "no_file": _("there is no such file"),
    "not_allowed": _("the file cannot be opened: {value}"),
    "truncated": _(
        "the compressed file ends too early: {value} whole lines could be unpacked, and none of "
        "them is used; fetch it again"
    ),
    "damaged": _(
        "the compressed file is damaged somewhere after {value} whole lines, and none of them is "
        "used; fetch it again"
    ),
    "too_big": _("the file has more than {most} bytes when unpacked; split it"),
    "not_text": _("this is not UTF-8 text; save the file as UTF-8"),
    "empty": _("the file has no rows"),
    "quotes": _("a quotation mark is wrong here ({value})"),
    "no_column": _("the column '{value}' is missing; the file has {columns}"),
    "column_twice": _("the column '{value}' stands here twice"),
    "unknown_form": _(
        "the form is not known by the name or the first line; known: {words}. End the name in"
        " .csv, .swf or .parquet; what sacct printed begins with the line of names, JobID|..."
    ),
    "no_zone": _("'{value}' names no zone; say which one the times are in, such as Asia/Seoul"),
    "not_a_zone": _("'{value}' is not a zone; write its name, such as Asia/Seoul"),
    "not_an_origin": _("'{value}' is not an instant such as 2026-01-31T00:00:00Z"),
    "not_parquet": _("this is not a whole Parquet file: {value}"),
    "not_plain": _("the column '{value}' holds {kind}, and not plain text or numbers"),
    "no_job": _("no row is a job that ran on accelerators"),
}

TEXTS: Final = BROKEN | SET_ASIDE | CHANGED | UNREADABLE
