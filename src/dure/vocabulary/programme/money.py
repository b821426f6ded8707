"""Who pays what: market prices, the users' share of them, and its reductions."""

from __future__ import annotations

from pydantic import Field

from dure.vocabulary.frozen import Frozen
from dure.vocabulary.programme.types import Exact, Key, Portion


class MarketPrice(Frozen):
    """Price of one accelerator for one month, in the currency's minor unit."""

    model: Key
    per_accelerator_month: int = Field(gt=0)
    source: str


class CostShare(Frozen):
    """What part of the market price the applicants of a sector pay, times any reductions.

    `reductions` maps a boolean form field to the factor that applies when it is true.
    """

    sector: Key
    share: Portion
    reductions: dict[str, Exact] = {}
    source: str = ""


class Lending(Frozen):
    """How idle guaranteed capacity is lent and taken back.

    `grace_s`: seconds between the request to stop (SIGTERM) and the end (SIGKILL).
    `backoff_s`, `backoff_cap_s`: how long capacity just taken back stays unlent to the same
    project, doubling each time (field practice: 60 s to 1 h).
    """

    enabled: bool = True
    grace_s: int = Field(default=30, ge=0)
    backoff_s: int = Field(default=60, ge=0)
    backoff_cap_s: int = Field(default=3600, ge=0)
