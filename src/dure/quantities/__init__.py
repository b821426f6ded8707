"""Amounts, periods, money: exact, each in one unit, each owning its arithmetic."""

from dure.quantities.accelerator_seconds import AcceleratorSeconds
from dure.quantities.money import CurrencyMismatchError, Money
from dure.quantities.period import EmptyPeriodError, NaiveTimeError, Period, month
from dure.quantities.share import Share, ShareOutOfRangeError

__all__ = [
    "AcceleratorSeconds",
    "CurrencyMismatchError",
    "EmptyPeriodError",
    "Money",
    "NaiveTimeError",
    "Period",
    "Share",
    "ShareOutOfRangeError",
    "month",
]
