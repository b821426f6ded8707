"""Calls small enough to try every assignment, with conflicts of every kind in them.

- Drawn from a seed and not choice by choice: Hypothesis prefers small values, and of calls put
  together from those a late review was replaced in none of 100; drawing also took nine tenths of
  the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

from hypothesis import strategies as st

from dure.engine.assignment import (
    AssignmentPolicy,
    AssignmentSnapshot,
    Held,
    PastProject,
    Reviewer,
    Submission,
)

NOW = datetime(2026, 2, 1, tzinfo=UTC)
ORGANISATIONS = (
    "두레",
    "(주)두레",
    "Dure",
    "한밭대학교",
    "한밭대학교 산학협력단",
    "Hana Inc.",
    "HANA",
    "가",
)
PEOPLE = ("", "홍길동", "Hong Gildong", "Gildong HONG", "이순신")
FIELDS = ("", "vision", "language")
WORDS = ("ViT", "vit", "protein")


def _some(random: Random, among: Sequence[str]) -> tuple[str, ...]:
    return tuple(random.choices(among, k=random.randint(0, 1)))


def _words(random: Random) -> tuple[str, ...]:
    return tuple(random.choices(WORDS, k=random.randint(0, 2)))


def _submission(random: Random, name: str) -> Submission:
    return Submission(
        application=name,
        organisation=random.choice(ORGANISATIONS),
        partners=_some(random, ORGANISATIONS),
        people=_some(random, PEOPLE),
        providers=_some(random, ORGANISATIONS),
        field=random.choice(FIELDS),
        keywords=_words(random),
        group=random.choice(["", "", "large"]),
    )


def _past_projects(random: Random) -> tuple[PastProject, ...]:
    return tuple(
        PastProject(
            organisation=random.choice(ORGANISATIONS),
            person=random.choice(PEOPLE),
            year=random.randint(2020, 2024),
        )
        for _ in range(random.randint(0, 1))
    )


def _reviewer(random: Random, name: str, applications: list[str]) -> Reviewer:
    # Mostly strangers to everybody, or hardly a pair would be left to assign.
    stranger = random.random() < 0.5
    return Reviewer(
        reviewer=name,
        name="" if stranger else random.choice(PEOPLE),
        organisation=f"institute {name}" if stranger else random.choice(ORGANISATIONS),
        fields=_some(random, FIELDS),
        other_fields=_some(random, FIELDS),
        keywords=_words(random),
        declared=_some(random, [*applications, "두레", "hana"]),
        past_projects=() if stranger else _past_projects(random),
        supplies=() if stranger else _some(random, ORGANISATIONS),
        competes_in=_some(random, ["", "large", "small"]),
        most=random.choice([None, None, 0, 1, 2]),
    )


def _snapshot(random: Random, most: int) -> AssignmentSnapshot:
    # Nobody at all is a case too, but one is enough of it.
    sizes = [0, *[n for n in range(1, most + 1) for _ in range(2)]]
    names = [f"A{n}" for n in range(random.choice(sizes))]
    people = [f"r{n}" for n in range(random.choice(sizes))]
    pairs = [*product(names, [*people, "gone"]), ("gone", "gone")]
    held = random.sample(pairs, k=min(len(pairs), random.randint(0, 4)))
    return AssignmentSnapshot(
        call="c",
        submissions=tuple(_submission(random, name) for name in names),
        reviewers=tuple(_reviewer(random, name, names) for name in people),
        held=tuple(
            Held(
                application=application,
                reviewer=reviewer,
                due_at=NOW + timedelta(days=random.choice([-1, 0, 1])),
                reviewed=random.random() < 0.5,
            )
            for application, reviewer in held
        ),
        barred=tuple(random.choices(pairs, k=random.randint(0, 2))),
    )


def snapshots(most: int = 6) -> st.SearchStrategy[AssignmentSnapshot]:
    """Calls of up to `most` applications and as many reviewers, the draw of one seed each."""
    seeds = st.integers(0, 2**32 - 1).map(Random)
    return seeds.map(lambda random: _snapshot(random, most))


policies = st.builds(
    AssignmentPolicy,
    reviews=st.integers(1, 3),
    most_reviews=st.sampled_from([None, 1, 2, 3]),
    co_projects_since=st.just(2023),
    replace_late=st.booleans(),
)
