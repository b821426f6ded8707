"""Which policy a study speaks for, on figures that are written here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dure.twin.advice import Advice, advice_of
from dure.twin.study import Study

SEEDS = (1, 2, 3)


def study(**policies: tuple[float, tuple[float, ...], int]) -> Study:
    """Of each policy: useful work, its waits by seed, late starts of 1,000 a seed."""
    names = {name.replace("_", "-"): figures for name, figures in policies.items()}
    plays = [
        SimpleNamespace(
            policy=name,
            seed=seed,
            wait_mean_h=wait,
            guaranteed_starts=1000,
            guarantee_misses=missed,
        )
        for name, (_, waits, missed) in names.items()
        for seed, wait in zip(SEEDS, waits, strict=False)
    ]

    def figures(of: Any) -> dict[str, SimpleNamespace]:
        return {name: SimpleNamespace(mean=of(one)) for name, one in names.items()}

    comparison = SimpleNamespace(
        policies=tuple(names),
        seeds=SEEDS[: len(plays) // len(names)],
        figures={
            "useful_occupancy": figures(lambda one: one[0]),
            "wait_mean_h": figures(lambda one: sum(one[1]) / len(one[1])),
        },
    )
    return cast("Study", SimpleNamespace(metrics=tuple(plays), comparison=comparison))


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            study(islands=(0.50, (9, 9.1, 9.2), 0), pool=(0.80, (3, 3.1, 3.2), 3)),
            Advice("pool"),
        ),
        (
            study(pool=(0.80, (3, 3.1, 3.2), 11), headroom=(0.70, (5, 5.1, 5.2), 0)),
            Advice("headroom"),
        ),
        (study(pool=(0.80, (3, 3.1, 3.2), 11)), Advice(None)),
        (
            study(pool=(0.795, (3, 3.1, 3.2), 0), predicted=(0.80, (2, 2.1, 2.2), 0)),
            Advice("predicted"),
        ),
        (
            study(pool=(0.795, (3, 1, 2), 0), predicted=(0.80, (1, 3, 1.9), 0)),
            Advice("pool", ("predicted",)),
        ),
        (
            study(pool=(0.80, (2, 1, 2), 0), least_lost=(0.80, (2, 1.2, 2), 0)),
            Advice("least-lost", ("pool",)),
        ),
        (
            study(pool=(0.80, (9,), 0), predicted=(0.80, (1,), 0)),
            Advice("pool", ("predicted",)),
        ),
    ],
    ids=(
        "the most useful work",
        "who is late has no say",
        "nobody keeps the guarantees",
        "the shorter wait",
        "waits that the seeds do not tell apart: the first listed",
        "the default where it is as good",
        "one seed tells nobody apart",
    ),
)
def test_the_advice_follows_its_rule(case: Study, expected: Advice) -> None:
    assert advice_of(case) == expected
