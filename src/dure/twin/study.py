"""A scenario under all its policies and seeds: the one call of the command and of a page.

- Plays stand by themselves; each is measured, and kept only where a folder is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dure.twin import metrics, results, run, setting
from dure.twin.compare import Comparison, compare
from dure.twin.policies.facts import Ints
from dure.twin.scenario import Scenario
from dure.twin.work import work_of

Told = Callable[[str, int, int], None]
"""policy, seed, days played so far of this play"""


@dataclass(frozen=True, slots=True)
class Study:
    """`series`: policy -> accelerator-seconds by step and kind, of the first seed."""

    scenario: Scenario
    setting: setting.Setting
    metrics: tuple[metrics.Metrics, ...]
    comparison: Comparison
    series: dict[str, Ints]
    events: dict[str, tuple[tuple[int, str, str, int], ...]]


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
    place = setting.setting_of(scenario, folder=folder, programmes=programmes)
    found: list[metrics.Metrics] = []
    series: dict[str, Ints] = {}
    events: dict[str, tuple[tuple[int, str, str, int], ...]] = {}
    for seed in range(1, (seeds or scenario.seeds) + 1):
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
    return Study(scenario, place, tuple(found), compare(found), series, events)
