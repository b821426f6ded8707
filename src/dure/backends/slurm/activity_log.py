"""Looking at the exporters as often as the site says, and keeping what they said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import structlog
from pydantic import ValidationError

from dure.backends import durable
from dure.backends.segments import Holding
from dure.backends.slurm import activity, exporters
from dure.backends.slurm.activity import ActivityBook
from dure.backends.slurm.nodes import Node, pool_of
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tools import Slurm
from dure.protocol import UsageRecord

FILE: Final = "activity.json"

_log = structlog.get_logger("dure.backends.slurm")


class ActivityLog:
    """What the exporters said of the jobs of the last days. One thread at a time."""

    def __init__(self, folder: Path, *, slurm: Slurm, site: SlurmSite) -> None:
        self._path, self._slurm, self._site = folder / FILE, slurm, site
        self._book = self._kept()

    def look(self, alive: Mapping[str, int], known: Iterable[Node], *, now_s: int) -> None:
        """Reads the exporters where it is time to. Raises UnableToApplyNow."""
        if abs(now_s - self._book.at_s) < self._site.exporters_every_s:
            return
        names = {node.name for node in known if pool_of(node, self._site)}
        seen = activity.figures(exporters.read(self._site.exporters), nodes=names)
        nameless = any(not figure.jobs for figure in seen.values())
        placed = activity.places(self._slurm.ask(*activity.SHOW_PLACES)) if nameless else {}
        self._book = activity.looked(
            self._book,
            seen,
            placed=placed,
            started=alive,
            every_s=self._site.segment_s,
            now_s=now_s,
        )
        try:
            durable.write(self._path, self._book.model_dump_json().encode())
        except OSError as error:  # a full disk costs figures, never the count
            _log.warning("activity.not_kept", path=str(self._path), why=str(error))

    def with_figures(
        self, records: Iterable[UsageRecord], holdings: Iterable[Holding]
    ) -> list[UsageRecord]:
        """The records with what was seen of their runs."""
        starts = {(held.job, held.attempt): held.start_s for held in holdings}
        return [
            activity.with_figures(
                record,
                self._book,
                run_start_s=starts[record.job, record.attempt],
                every_s=self._site.segment_s,
            )
            for record in records
        ]

    def _kept(self) -> ActivityBook:
        try:
            return ActivityBook.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return ActivityBook()
        except ValidationError as error:
            _log.warning("activity.begun_anew", path=str(self._path), why=str(error))
            return ActivityBook()
