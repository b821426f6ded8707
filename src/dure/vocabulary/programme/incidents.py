"""What an outage costs: credit to owners, announced maintenance, and nodes that fail too often."""

from __future__ import annotations

from fractions import Fraction

from pydantic import Field

from dure.vocabulary.frozen import Frozen
from dure.vocabulary.programme.types import Exact, Portion


class LemonRule(Frozen):
    """When a node is proposed for removal; a person decides.

    At least `failures` within `window_days`, and at least `times_pool` as often, for the time that
    it was in service, as the other nodes of its pool.
    """

    failures: int = Field(default=3, ge=2)
    window_days: int = Field(default=30, gt=0)
    times_pool: Exact = Field(default=Fraction(3), ge=1)


class IncidentRules(Frozen):
    """What owners get back for what an incident took from them.

    - `credit_rate` of the accelerator time that was promised and not there, where the outage lasted
      `credit_after_minutes` or more. An outage that spares make good takes nothing.
    - `credit_rate` of the work that was lost with a node, at most `lost_work_minutes` of each job:
      who saves less often carries the rest (ALCF's refunds end at 4 hours).
    - Maintenance announced `announced_days` or more before it begins gives no credit.
    """

    credit_rate: Portion = Fraction(1)
    credit_after_minutes: int = Field(default=10, ge=0)
    lost_work_minutes: int = Field(default=240, ge=0)
    announced_days: int = Field(default=7, ge=0)
    lemons: LemonRule = LemonRule()
