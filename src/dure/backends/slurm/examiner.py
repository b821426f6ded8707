"""Asking a cluster about its own configuration.

- Reads only. What was found is kept for a while: a configuration changes rarely, and its judgement
  goes into every report.
- Where Slurm is away, what was found last holds; before the first time nothing is promised.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from dure.backends.contract import UnableToApplyNow
from dure.backends.slurm import settings
from dure.backends.slurm.enforcement import Examined, examined
from dure.backends.slurm.findings import Asked
from dure.backends.slurm.settings import Settings
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tools import CommandRefused, Slurm
from dure.protocol import Capabilities

EVERY: Final = timedelta(minutes=5)
"""Nine short commands, half a second in all."""


class Examiner:
    """The judgement on one cluster, kept."""

    def __init__(self, *, slurm: Slurm, site: SlurmSite, clock: Callable[[], datetime]) -> None:
        self._slurm, self._site, self._clock = slurm, site, clock
        self._kept: tuple[datetime, int, Examined] | None = None

    def examine(self, grace_s: int) -> Examined:
        """Asks now. Raises UnableToApplyNow where the controller does not answer."""
        found = ask(self._slurm)
        now = self._clock()
        asked = Asked(
            site=self._site,
            grace_s=grace_s,
            user=getpass.getuser(),
            is_root=os.geteuid() == 0,
            now_s=int(now.timestamp()),
        )
        made = examined(found, asked)
        self._kept = (now, grace_s, made)
        return made

    def capabilities(self, grace_s: int) -> Capabilities:
        """What was found in the last minutes, or what is found now."""
        kept = self._kept
        if kept is not None and kept[1] == grace_s and abs(self._clock() - kept[0]) < EVERY:
            return kept[2].capabilities
        try:
            return self.examine(grace_s).capabilities
        except (UnableToApplyNow, CommandRefused) as error:
            if kept is not None:
                return kept[2].capabilities
            return Capabilities(
                engine="slurm",
                enforces_limits=False,
                preempts_lent=False,
                requeues_lent=False,
                notes=(str(error),),
            )


def ask(slurm: Slurm) -> Settings:
    """What Slurm says of itself. Raises UnableToApplyNow where the controller does not answer."""
    answer = slurm.run(*settings.PING)
    if " is UP" not in answer.out:
        raise UnableToApplyNow(f"slurmctld does not answer: {answer.words.partition(' ***')[0]}")
    config = settings.config(slurm.ask(*settings.CONFIG))
    release = config.get("slurm_version", "")
    diagnosis = slurm.ask(*settings.DIAGNOSIS)
    known = Settings(
        version=settings.version(release),
        release=release,
        cluster=config.get("clustername", ""),
        config=config,
        partitions=settings.partitions(slurm.ask(*settings.PARTITIONS)),
        devices=settings.devices(slurm.ask(*settings.NODES)),
        has_blocks=settings.has_blocks(slurm.run(*settings.TOPOLOGY).out),
        accounting_answers=False,
        waiting_records=settings.waiting_records(diagnosis),
        clock_s=settings.clock_s(diagnosis),
    )
    try:
        return known.model_copy(update=_accounting(slurm))
    except (UnableToApplyNow, CommandRefused):
        return known


def _accounting(slurm: Slurm) -> dict[str, object]:
    return {
        "tracked": settings.tracked(slurm.ask(*settings.TRACKED)),
        "registered": settings.registered(slurm.ask(*settings.CLUSTERS)),
        "admin_level": settings.admin_level(slurm.ask(*settings.ADMINS), getpass.getuser()),
        "priorities": settings.priorities(slurm.ask(*settings.QOS)),
        "accounting_answers": True,
    }
