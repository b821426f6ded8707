"""A scenario under all its policies and seeds: the one call of the command and of a page.

- Plays stand by themselves; each is measured, and kept only where a folder is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from dure.twin import accounts, fairness, figures, metrics, results, run, setting
from dure.twin.compare import Comparison, compare
from dure.twin.notes import MOVES, Note
from dure.twin.policies.facts import Ints
from dure.twin.scenario import Scenario
from dure.twin.work import Work, demand_notes, work_of

Kept = TypeVar("Kept")
Told = Callable[[str, int, int], None]
"""policy, seed, days played so far of this play"""


@dataclass(frozen=True, slots=True)
class Study:
    """`setting`, `work`, `series`, `events` and `months` are of the first seed.

    `series`: policy -> accelerator-seconds by step and kind. `months`: policy -> what metering
    counted, where it did. `deciding`: policy -> CPU seconds of each control step's decisions:
    all that differs when the same is played again.
    """

    scenario: Scenario
    setting: setting.Setting
    metrics: tuple[metrics.Metrics, ...]
    comparison: Comparison
    series: dict[str, Ints]
    events: dict[str, tuple[tuple[int, str, str, int], ...]]
    months: dict[str, tuple[accounts.MonthAccount, ...]]
    deciding: dict[str, tuple[float, ...]]
    work: Work

    @property
    def notes(self) -> tuple[Note, ...]:
        """What of the rules and the supply was not played, and what is not told."""
        demand = demand_notes(self.scenario, self.work)
        return (*self.setting.notes, MOVES, *demand, *figures.notes(self))


_ALONE: Final = "islands"
"""The policy under which every project is by itself."""


@dataclass(slots=True)
class _First:
    """What is kept of the plays of the first seed."""

    series: dict[str, Ints] = field(default_factory=dict)
    events: dict[str, tuple[tuple[int, str, str, int], ...]] = field(default_factory=dict)
    months: dict[str, tuple[accounts.MonthAccount, ...]] = field(default_factory=dict)
    deciding: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def keep(self, play: run.Play, counted: tuple[accounts.MonthAccount, ...]) -> None:
        """Puts the play beside the others."""
        self.series[play.policy] = metrics.series_of(play)
        self.deciding[play.policy] = play.deciding
        self.events[play.policy] = tuple(
            (e.at_s, e.what, e.project, e.servers) for e in play.register.events
        )
        if counted:
            self.months[play.policy] = counted


def conduct(
    scenario: Scenario,
    *,
    folder: Path,
    programmes: setting.LoadProgramme,
    policies: Sequence[str] = (),
    seeds: int | None = None,
    keep: Path | None = None,
    count_months: bool | None = None,
    told: Told = lambda _policy, _seed, _days: None,
) -> Study:
    """Plays every policy with every seed, 1 and up.

    `count_months`: whether metering counts each month; None: of the first seed, where that costs
    little.
    Raises UnableToSet, UnableToReadTrace, PlanRefused, UnableToAccount.
    """
    programmes = cache(programmes)
    asked = tuple(policies or scenario.policies)
    found: list[metrics.Metrics] = []
    first, first_work, kept = None, None, _First()
    for seed in range(1, (seeds or scenario.seeds) + 1):
        place = setting.setting_of(scenario, folder=folder, programmes=programmes, seed=seed)
        first = first or place
        work = work_of(place, scenario.demand, seed=seed)
        first_work = first_work or work
        measured: dict[str, metrics.Metrics] = {}
        alone: Ints | None = None
        for policy in sorted(asked, key=lambda name: name != _ALONE):

            def days(count: int, policy: str = policy, seed: int = seed) -> None:
                told(policy, seed, count)

            play = run.play(scenario, place, work, policy=policy, seed=seed, progress=days)
            alone = fairness.ends_of(play) if policy == _ALONE else alone
            measured[policy] = metrics.measure(play, alone=alone)
            counted = _counted(play, asked=count_months) if seed == 1 or count_months else ()
            if seed == 1:
                kept.keep(play, counted)
            if keep is not None:
                results.write(play, keep, counted)
        found += [measured[policy] for policy in asked]
    assert first is not None and first_work is not None  # noqa: S101, PT018  # there is a seed
    return Study(
        scenario=scenario,
        setting=first,
        metrics=tuple(found),
        comparison=compare(found),
        series=_in_order(asked, kept.series),
        events=_in_order(asked, kept.events),
        months=_in_order(asked, kept.months),
        deciding=_in_order(asked, kept.deciding),
        work=first_work,
    )


def _counted(play: run.Play, *, asked: bool | None) -> tuple[accounts.MonthAccount, ...]:
    wanted = accounts.is_small(play) if asked is None else asked
    return accounts.accounts_of(play) if wanted else ()


def _in_order(policies: Sequence[str], values: dict[str, Kept]) -> dict[str, Kept]:
    return {policy: values[policy] for policy in policies if policy in values}
