"""Which under-used allocations are reduced, by which rule: notice, a grace period, take-back."""

from dure.engine.reclaim.decide import CHECKPOINT_OPEN_DAYS, plan
from dure.engine.reclaim.facts import (
    AllocationState,
    DatedRule,
    DayUse,
    ExecutedRule,
    Leave,
    Notice,
    Notify,
    PullBack,
    ReclaimIntent,
    ReclaimPlan,
    ReclaimSnapshot,
    Withdraw,
)
from dure.engine.reclaim.judgement import removal

__all__ = [
    "CHECKPOINT_OPEN_DAYS",
    "AllocationState",
    "DatedRule",
    "DayUse",
    "ExecutedRule",
    "Leave",
    "Notice",
    "Notify",
    "PullBack",
    "ReclaimIntent",
    "ReclaimPlan",
    "ReclaimSnapshot",
    "Withdraw",
    "plan",
    "removal",
]
