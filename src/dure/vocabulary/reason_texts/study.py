"""Sentences of what-if studies.

`said` is what the twin wrote: file, line, field and what is wrong.
"""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "study.done": _("The what-if study “{name}” is done."),
    "study.ended": _("The what-if study “{name}” could not be played. Its page says why."),
    "study.refused": _("It cannot be played: {said}"),
    "study.twin_missing": _(
        "The twin is not installed where studies are played. To install it there:"
        " pip install 'dure[twin]'"
    ),
    "study.out_of_time": _(
        "It was stopped: one study may take {minutes} minutes. Fewer days, seeds or policies take"
        " less."
    ),
    "study.out_of_memory": _(
        "It was stopped: one study may use {mebibytes} MiB of memory. Fewer days or jobs need less."
    ),
    "study.broken": _(
        "The twin ended unexpectedly (exit status {status}). The hub's log says more."
    ),
    "study.worker_lost": _(
        "What plays studies ended {times} times while it played this one, so it is not tried again."
    ),
}
