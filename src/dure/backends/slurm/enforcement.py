"""What a cluster really enforces, from how it is configured.

- Pure. Nothing is promised that the configuration does not show: where limits are not enforced,
  where lent jobs do not give way, or where they are lost, the capability is false.
- A stopped job has KillWait, whatever the programme asks: Slurm takes no earlier signal.
- The bound of an owner's start is computed: the longest that a lent job may still hold its
  accelerators, and what the scheduler takes after that.
"""

from __future__ import annotations

from typing import Final

from dure.backends.slurm.findings import Asked, note
from dure.backends.slurm.settings import Settings, seconds
from dure.backends.slurm.shortfalls import all_findings, kill_wait_s
from dure.protocol import Capabilities, SiteFinding
from dure.vocabulary.frozen import Frozen

SCHEDULER_S: Final = 5
"""Measured on 22.05, 8 x 8, KillWait=2: the last of four owner's jobs ran after 7.0 s."""

SCHED_INTERVAL_S: Final = 60
"""Slurm's default: with `defer` the main loop alone starts jobs."""

_LIMITS: Final = frozenset(
    {
        "slurm.no_accounting",
        "slurm.not_registered",
        "slurm.limits_unenforced",
        "slurm.untracked",
        "slurm.type_untracked",
        "slurm.not_tracked_yet",
        "slurm.several_types",
        "slurm.untyped_escapes",
    }
)
_GIVING_WAY: Final = frozenset({"slurm.no_preemption", "slurm.preemption_off"})


class Examined(Frozen):
    """Everything that was looked at, and what it comes to."""

    capabilities: Capabilities
    findings: tuple[SiteFinding, ...]


def examined(found: Settings, asked: Asked) -> Examined:
    """The judgement on one cluster."""
    findings = all_findings(found, asked)
    codes = {finding.says.code for finding in findings}
    gives_way = not codes & _GIVING_WAY
    bound_s = _bound_s(found) if gives_way else None
    if bound_s is not None:
        findings = (*findings, _said(found, bound_s))
    capabilities = Capabilities(
        engine="slurm",
        engine_version=found.release,
        enforces_limits=not codes & _LIMITS,
        preempts_lent=gives_way,
        requeues_lent=gives_way and "slurm.not_requeued" not in codes,
        grace_s=kill_wait_s(found),
        take_back_bound_s=bound_s,
        findings=tuple(finding for finding in findings if finding.level != "ok"),
    )
    return Examined(capabilities=capabilities, findings=findings)


def _bound_s(found: Settings) -> float:
    exempt = seconds(found.word("PreemptExemptTime")) or 0
    settling = seconds(found.word("CompleteWait")) or 0
    return float(exempt + kill_wait_s(found) + settling + _scheduler_s(found))


def _scheduler_s(found: Settings) -> int:
    if found.option("SchedulerParameters", "defer") is None:
        return SCHEDULER_S
    interval = found.option("SchedulerParameters", "sched_interval")
    return SCHEDULER_S + (int(interval) if interval else SCHED_INTERVAL_S)


def _said(found: Settings, bound_s: float) -> SiteFinding:
    scheduler_s = _scheduler_s(found)
    return note(
        "KillWait", f"{kill_wait_s(found)} s", "slurm.bound",
        seconds=int(bound_s), grace=int(bound_s) - scheduler_s, scheduler=scheduler_s,
    )  # fmt: skip
