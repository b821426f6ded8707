"""Who judged what: the panel as two lists, and what in it speaks against comparing.

- Reviews stand in the order of application and reviewer, so the order of arrival changes nothing.
- Reviewers who share an application, directly or over others, form a group. Between two groups no
  application tells how strict one is beside the other: they are never corrected for each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from dure.vocabulary.plans import Reason

SAME_SCORES: Final = 3
"""So many equal scores of one reviewer, without another, are worth a word; two happen by chance."""

Totals = Mapping[tuple[str, str], int]
"""(application, reviewer) -> points, added up."""


@dataclass(frozen=True)
class Panel:
    """Reviews as parallel tuples; reviewers are numbered in the order of their names."""

    applications: tuple[str, ...]
    reviewers: tuple[str, ...]
    judged: tuple[tuple[int, int], ...]
    points: tuple[int, ...]

    @classmethod
    def of(cls, totals: Totals) -> Panel:
        applications = tuple(sorted({application for application, _ in totals}))
        reviewers = tuple(sorted({reviewer for _, reviewer in totals}))
        place = {name: n for n, name in enumerate(applications)}
        seat = {name: n for n, name in enumerate(reviewers)}
        keys = sorted(totals)
        return cls(
            applications=applications,
            reviewers=reviewers,
            judged=tuple((place[application], seat[reviewer]) for application, reviewer in keys),
            points=tuple(totals[key] for key in keys),
        )

    def without(self, reviewer: int) -> Panel:
        """The panel as if this reviewer had not been on it."""
        name = self.reviewers[reviewer]
        return Panel.of({key: points for key, points in self.totals() if key[1] != name})

    def totals(self) -> Iterator[tuple[tuple[str, str], int]]:
        for (application, reviewer), points in zip(self.judged, self.points, strict=True):
            yield (self.applications[application], self.reviewers[reviewer]), points

    @cached_property
    def of_application(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of each application's reviews."""
        return self._numbers(len(self.applications), 0)

    @cached_property
    def of_reviewer(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of each reviewer's reviews."""
        return self._numbers(len(self.reviewers), 1)

    def _numbers(self, many: int, side: int) -> tuple[tuple[int, ...], ...]:
        found: list[list[int]] = [[] for _ in range(many)]
        for number, pair in enumerate(self.judged):
            found[pair[side]].append(number)
        return tuple(tuple(numbers) for numbers in found)

    def points_of(self, reviewer: int) -> tuple[int, ...]:
        """All points one reviewer gave, in the order of the applications."""
        return tuple(self.points[number] for number in self.of_reviewer[reviewer])

    @cached_property
    def groups(self) -> tuple[int, ...]:
        """Each reviewer's group, numbered from 0 in the order of the reviewers."""
        chief = list(range(len(self.reviewers)))

        def chief_of(reviewer: int) -> int:
            while chief[reviewer] != reviewer:
                chief[reviewer] = chief[chief[reviewer]]
                reviewer = chief[reviewer]
            return reviewer

        for numbers in self.of_application:
            first = chief_of(self.judged[numbers[0]][1])
            for number in numbers[1:]:
                chief[chief_of(self.judged[number][1])] = first
        seen: defaultdict[int, int] = defaultdict(lambda: len(seen))
        return tuple(seen[chief_of(reviewer)] for reviewer in range(len(self.reviewers)))

    @property
    def group_count(self) -> int:
        return max(self.groups, default=-1) + 1

    @property
    def can_be_corrected(self) -> bool:
        """Whether more points were given than merits and leniencies are to be told from them."""
        unknown = len(self.applications) + len(self.reviewers) - self.group_count
        return len(self.points) > unknown

    def notes(self) -> tuple[Reason, ...]:
        """What a reader of the ranking should know of the panel."""
        return (*self._apart(), *self._same_scores())

    def _apart(self) -> Iterator[Reason]:
        if self.group_count > 1:
            yield Reason(code="scoring.groups_apart", params={"groups": self.group_count})

    def _same_scores(self) -> Iterator[Reason]:
        for number, name in enumerate(self.reviewers):
            given = self.points_of(number)
            if len(given) >= SAME_SCORES and len(set(given)) == 1:
                params = {"reviewer": name, "reviews": len(given), "points": given[0]}
                yield Reason(code="scoring.same_scores", params=params)
