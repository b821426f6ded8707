"""Energy by what the accelerators did: owners' work, lent work, idle, down.

- A node draws `idle_w` when it is up, and linearly more up to `busy_w` with its accelerators at
  work; what it draws is shared out evenly among its accelerators.
- What was not given is not guessed: a kind of use is known only where every pool says what it
  draws then. A programme file gives the limit (TDP) of its accelerators and nothing else, so there
  only work is counted, of the accelerators alone, and at most.
- The figures are at the servers; where every pool gives a PUE, at the meter of the building.
- Published, for who has no measurements of his own. Busy: 8.4 kW at most on a node of 8 H100
  rated 10.2 kW (Latif et al., IEEE Access 13, 2025), and 76 % of the rating in intensive training
  (Newkirk et al., arXiv 2506.14551). Idle: 37 % of what a cluster of A100 nodes drew for one
  training was drawn by what was on and idle, 256,646 kWh beside 433,196 (Luccioni et al., JMLR 24,
  2023).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple

from pydantic import Field, model_validator

from dure.vocabulary.frozen import Frozen
from dure.vocabulary.programme import AcceleratorModel
from dure.vocabulary.programme.types import Exact

_WATT_SECONDS: Final = 3_600_000
"""Of one kWh."""


class Draw(Frozen):
    """What one node draws: all its accelerators at work, none of them, and when it is down."""

    busy_w: int = Field(gt=0, le=1_000_000)
    idle_w: int | None = Field(default=None, ge=0)
    down_w: int | None = Field(default=None, ge=0)
    pue: Exact | None = Field(default=None, ge=1, le=5)
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _idle_is_less(self) -> Draw:
        if self.idle_w is not None and self.idle_w > self.busy_w:
            msg = f"idle_w {self.idle_w} is more than busy_w {self.busy_w}"
            raise ValueError(msg)
        return self


def of_data_sheet(model: AcceleratorModel, per_node: int) -> Draw:
    """The limit of a node's accelerators alone; a data sheet says nothing of idle ones."""
    return Draw(busy_w=model.tdp_w * per_node, source=f"{model.name}: {model.source}")


class Spent(NamedTuple):
    """Accelerator-seconds of one pool, and what its nodes draw."""

    draw: Draw | None
    per_node: int
    owner: int
    lent: int
    idle: int
    down: int


class Energy(NamedTuple):
    """kWh; None: not given."""

    owner_kwh: float | None
    lent_kwh: float | None
    idle_kwh: float | None
    down_kwh: float | None


def energy_of(pools: list[Spent]) -> Energy:
    """What all pools drew."""
    draws = [pool.draw for pool in pools]
    metered = all(draw is not None and draw.pue is not None for draw in draws)

    def drawn(kind: str, field: str) -> float | None:
        total = Fraction(0)
        for pool in pools:
            seconds = getattr(pool, kind)
            watts = None if pool.draw is None else getattr(pool.draw, field)
            if watts is None:
                if seconds or pool.draw is None:
                    return None
                continue
            pue = pool.draw.pue if metered and pool.draw and pool.draw.pue else 1
            total += Fraction(seconds * watts, pool.per_node) * pue
        return float(total / _WATT_SECONDS)

    return Energy(
        owner_kwh=drawn("owner", "busy_w"),
        lent_kwh=drawn("lent", "busy_w"),
        idle_kwh=drawn("idle", "idle_w"),
        down_kwh=drawn("down", "down_w"),
    )
