"""A scenario under all its policies and seeds: the one call of the command and of a page.

- Plays stand by themselves; each is measured, and kept only where a folder is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dure.twin import metrics, results, run, setting
from dure.twin.compare import Comparison, compare
from dure.twin.notes import MOVES, Note
from dure.twin.policies.facts import Ints
from dure.twin.scenario import Scenario
from dure.twin.work import work_of

Told = Callable[[str, int, int], None]
"""policy, seed, days played so far of this play"""


@dataclass(frozen=True, slots=True)
class Study:
    """`setting`, `series` and `events` are of the first seed.

    `series`: policy -> accelerator-seconds by step and kind.
    """

    scenario: Scenario
    setting: setting.Setting
    metrics: tuple[metrics.Metrics, ...]
    comparison: Comparison
    series: dict[str, Ints]
    events: dict[str, tuple[tuple[int, str, str, int], ...]]

    @property
    def notes(self) -> tuple[Note, ...]:
        """What of the rules and the supply was not played."""
        return (*self.setting.notes, MOVES)


def conduct(
    scenario: Scenario,
    *,
    folder: Path,
    programmes: setting.LoadProgramme,
    policies: Sequence[str] = (),
    seeds: int | None = None,
    keep: Path | None = None,
    told: Told = lambda _policy, _seed, _days: None,
) -> Study:
    """Plays every policy with every seed, 1 and up.

    Raises UnableToSet, UnableToReadTrace, PlanRefused, UnableToAccount.
    """
    programmes = cache(programmes)
    found: list[metrics.Metrics] = []
    series: dict[str, Ints] = {}
    events: dict[str, tuple[tuple[int, str, str, int], ...]] = {}
    first: setting.Setting | None = None
    for seed in range(1, (seeds or scenario.seeds) + 1):
        place = setting.setting_of(scenario, folder=folder, programmes=programmes, seed=seed)
        first = first or place
        work = work_of(place, scenario.demand, seed=seed)
        for policy in policies or scenario.policies:

            def days(count: int, policy: str = policy, seed: int = seed) -> None:
                told(policy, seed, count)

            play = run.play(scenario, place, work, policy=policy, seed=seed, progress=days)
            found.append(metrics.measure(play))
            if seed == 1:
                series[policy] = metrics.series_of(play)
                events[policy] = tuple(
                    (e.at_s, e.what, e.project, e.servers) for e in play.register.events
                )
            if keep is not None:
                results.write(play, keep)
    assert first is not None  # noqa: S101  # there is a seed
    return Study(scenario, first, tuple(found), compare(found), series, events)
