"""Why a job waits, in the programme's words: pure.

- Slurm gives one reason of many; where it is a number of ours, the number is said with it.
- What is not ours (a dependency, a hold of the user's, a down partition) is said in Slurm's word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from dure.backends.gangs import in_force
from dure.backends.slurm.held import Held
from dure.backends.slurm.stewardship import Standing
from dure.vocabulary.plans import Reason

_LIMITS: Final = frozenset({"QOSGrpGRES", "QOSGrpGRESLimit", "QOSGrpTRES", "AssocGrpGRES"})
_LENT_IN_ALL: Final = _LIMITS - {"AssocGrpGRES"}
"""A share is an account's limit; the QOS is that of all lent work."""

_CLOSED: Final = frozenset({"QOSGrpJobsLimit", "QOSGrpSubmitJobsLimit", "AssocGrpJobsLimit"})
_UNSEEN: Final = frozenset({"None", "WaitingForScheduling"})
_ROOM: Final = frozenset({"Resources", "Priority", "None", "WaitingForScheduling"})


@dataclass(frozen=True, slots=True)
class Holding:
    """Accelerators that jobs hold now: by pool and allocation, and the pools that lend some."""

    used: Counter[tuple[str, str]]
    lending: frozenset[str]


def holding(jobs: Iterable[Standing]) -> Holding:
    """Summed once for all that wait."""
    used: Counter[tuple[str, str]] = Counter()
    lending = set()
    for job in jobs:
        if job.state != "pending" and job.allocation is None:
            lending.add(job.pool)
        elif job.state != "pending":
            used[job.pool, str(job.allocation)] += job.accelerators
    return Holding(used, frozenset(lending))


def reason(
    job: Standing, *, held: Held, others: Holding, idle: Callable[[], int], now: datetime
) -> Reason:
    """Of a pending job; `idle` is asked only where it is said."""
    if job.waits_for == "BeginTime":
        until = datetime.fromtimestamp(job.begins_s, UTC)
        return Reason(code="job.waits_its_turn", params={"until": until.isoformat()})
    if job.waits_for not in _LIMITS | _CLOSED | _ROOM:
        return Reason(code="job.engine_says", params={"words": job.waits_for})
    if job.allocation is None:
        return _lent(job, held, idle)
    return _owner(job, job.allocation, held, others, now)


def _owner(job: Standing, allocation: str, held: Held, others: Holding, now: datetime) -> Reason:
    binding = held.binding(allocation, job.pool)
    if binding is None or not in_force(binding, now):
        return Reason(code="job.no_binding", params={"allocation": allocation})
    if binding.state != "active":
        return Reason(
            code="job.binding_closed", params={"allocation": allocation, "state": binding.state}
        )
    used = others.used[job.pool, allocation]
    if job.waits_for in _LIMITS or used + job.accelerators > binding.accelerators:
        return Reason(
            code="job.over_guarantee",
            params={"allocation": allocation, "held": used, "limit": binding.accelerators},
        )
    lent = job.pool in others.lending
    if not lent and job.waits_for in _UNSEEN:
        return Reason(code="job.not_looked_at")
    code = "job.taking_back" if lent else "job.pool_short"
    return Reason(code=code, params={"accelerators": job.accelerators})


def _lent(job: Standing, held: Held, idle: Callable[[], int]) -> Reason:
    share = held.share(job.project, job.pool)
    if share is None or job.waits_for in _CLOSED:
        return Reason(code="job.not_lent", params={"project": job.project})
    if job.waits_for in _LENT_IN_ALL:
        return Reason(code="job.lent_part_full")
    if job.waits_for in _LIMITS:
        return Reason(
            code="job.lent_share_full",
            params={"project": job.project, "limit": share.max_accelerators},
        )
    return Reason(
        code="job.nothing_idle", params={"accelerators": job.accelerators, "idle": idle()}
    )
