"""Small groups in one row: nothing falls out of a table, and a short table is left alone."""

from __future__ import annotations

from fractions import Fraction

from dure.engine.allocation.report import Success, wilson
from dure.hub.allocations.folding import SHOWN, fold, is_long, success_together


def region(name: str, applications: int, served: int) -> Success:
    low, high = wilson(served, applications)
    return Success(
        dimension="region",
        group=name,
        applications=applications,
        served=served,
        server_months_asked=applications * 12,
        server_months_given=served * 6,
        success=Fraction(served, applications),
        given_of_asked=Fraction(served, applications * 2),
        low=low,
        high=high,
    )


MANY = [region(f"r{n}", applications=n % 5 + 1, served=n % 2) for n in range(17)]


def folded(groups: list[Success]) -> tuple[Success, ...]:
    return fold(groups, size=lambda one: one.applications, together=success_together)


def test_the_largest_stand_first_and_the_rest_adds_up() -> None:
    shown = folded(MANY)
    assert len(shown) == SHOWN
    assert [one.applications for one in shown[:-1]] == [5, 5, 5, 4, 4, 4, 3]
    for figure in ("applications", "served", "server_months_asked", "server_months_given"):
        assert sum(getattr(one, figure) for one in shown) == sum(
            getattr(one, figure) for one in MANY
        )
    rest = shown[-1]
    assert rest.success == Fraction(rest.served, rest.applications)
    assert (rest.low, rest.high) == wilson(rest.served, rest.applications)


def test_a_few_stay_as_they_are() -> None:
    assert folded(MANY[:SHOWN]) == tuple(MANY[:SHOWN])
    assert is_long(MANY)
    assert not is_long(MANY[:SHOWN])
