"""Long tables of groups: the large groups a row each, the small ones together in one.

- A few groups are all shown, in the order they come. Of many the largest stand first, and the last
  row adds up the rest: no application falls out of the table.
- The reader may ask for every group; programs always get every group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Final, TypeVar

from django.utils.translation import ngettext

from dure.engine.allocation.report import Success, wilson

Item = TypeVar("Item")

SHOWN: Final = 8
"""Rows of one dimension that are still read at a glance (our choice); Korea has 17 regions."""


def every_group_asked(asked: Mapping[str, str]) -> bool:
    """Whether the address asks for every group."""
    return asked.get("groups") == "all"


def is_long(groups: Sequence[object]) -> bool:
    """Whether there is something to fold."""
    return len(groups) > SHOWN


def fold(
    groups: Sequence[Item],
    *,
    size: Callable[[Item], int],
    together: Callable[[Sequence[Item]], Item],
) -> tuple[Item, ...]:
    """A few as they are; of many the largest first, and the rest as one."""
    if not is_long(groups):
        return tuple(groups)
    ordered = sorted(groups, key=size, reverse=True)
    return (*ordered[: SHOWN - 1], together(ordered[SHOWN - 1 :]))


def others(count: int) -> str:
    """What the last row is called."""
    return ngettext("%(count)s other", "%(count)s others", count) % {"count": count}


def success_together(found: Sequence[Success]) -> Success:
    """How several groups of one dimension fared, as one group."""
    applications = sum(one.applications for one in found)
    served = sum(one.served for one in found)
    asked = sum(one.server_months_asked for one in found)
    given = sum(one.server_months_given for one in found)
    low, high = wilson(served, applications)
    return Success(
        dimension=found[0].dimension,
        group="",
        applications=applications,
        served=served,
        server_months_asked=asked,
        server_months_given=given,
        success=Fraction(served, applications),
        given_of_asked=Fraction(given, asked),
        low=low,
        high=high,
    )
