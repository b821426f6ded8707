"""Reviewers for a call of Korea's first size, and for one ten times as large.

- Calls are made from a seed: applicants, partners, people, keywords; reviewers with fields,
  past projects and a limit. Names are invented, in Korean and English.
- Planning and checking are measured apart. CPU seconds are of all threads.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from functools import partial

from bench.report import Result, at_most, compared, measure, show, write

from dure.engine.assignment import (
    AssignmentPlan,
    AssignmentPolicy,
    AssignmentSnapshot,
    PastProject,
    Reviewer,
    Submission,
    plan,
)
from dure.engine.checks.assignment import violations
from dure.vocabulary.plans import Header

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC), seed="bench")
POLICY = AssignmentPolicy(reviews=3, co_projects_since=2023)
REPEATS = 3
SIZES = ((514, 60, 1.0), (5_000, 300, 3.0))
"""Applications, reviewers, the bar in CPU seconds (ours: a page that answers while one waits)."""
FIELDS = tuple(f"field {n}" for n in range(12))
KEYWORDS = tuple(f"topic {n}" for n in range(150))
SYLLABLES = "가나다라마바사아자차카타파하구누두루무부수우주추"
HOW = "make bench-assignment; median CPU of 3 runs, 3 reviews an application"


def _name(dice: random.Random) -> str:
    word = "".join(dice.choices(SYLLABLES, k=4))
    return dice.choice(
        (f"{word}대학교", f"(주){word}", f"{word} 주식회사", f"Lab {word} Co., Ltd.")
    )


def call_of(applications: int, reviewers: int) -> AssignmentSnapshot:
    """A call from a fixed seed."""
    dice = random.Random(20260202)
    names = [_name(dice) for _ in range(applications * 2 // 3)]
    people = ["".join(dice.choices(SYLLABLES, k=3)) for _ in range(applications)]
    return AssignmentSnapshot(
        call="bench",
        submissions=tuple(
            Submission(
                application=f"A{n:05}",
                organisation=dice.choice(names),
                partners=tuple(dice.choices(names, k=dice.randrange(3))),
                people=tuple(dice.choices(people, k=3)),
                field=dice.choice(FIELDS),
                keywords=tuple(dice.choices(KEYWORDS, k=5)),
            )
            for n in range(applications)
        ),
        reviewers=tuple(
            Reviewer(
                reviewer=f"r{n:04}",
                name=dice.choice(people),
                organisation=dice.choice(names),
                fields=(dice.choice(FIELDS),),
                other_fields=tuple(dice.choices(FIELDS, k=2)),
                keywords=tuple(dice.choices(KEYWORDS, k=8)),
                past_projects=tuple(
                    PastProject(organisation=dice.choice(names), year=dice.randrange(2018, 2026))
                    for _ in range(4)
                ),
                most=applications * 3 // reviewers + dice.randrange(1, 20),
            )
            for n in range(reviewers)
        ),
    )


def matched(made: AssignmentPlan) -> float:
    """The share of reviews that go to somebody who knows the subject."""
    known = sum(i.reason.code != "assignment.by_load" for i in made.intents)
    return 100 * known / len(made.intents)


def main() -> None:
    """Prints the table and writes `results/assignment.json`."""
    rows: list[list[object]] = []
    results: list[Result] = []
    for applications, reviewers, bound in SIZES:
        snapshot = call_of(applications, reviewers)
        made, spent = measure(partial(plan, snapshot, POLICY, HEADER), repeats=REPEATS)
        wrong, checked = measure(partial(violations, snapshot, POLICY, made), repeats=1)
        if wrong:
            raise SystemExit(f"the check refuses the plan: {wrong[0]}")
        size = f"{applications} x {reviewers}"
        rows.append([size, len(made.intents), matched(made), spent.cpu_s, checked.cpu_s])
        results += [
            at_most(f"assign {size}", spent.cpu_s, "CPU s", bound=bound, how=HOW),
            compared(f"check {size}", checked.cpu_s, "CPU s", how=HOW),
        ]
    show(
        "Assignment of reviewers",
        ("size", "reviews", "matched %", "plan CPU s", "check CPU s"),
        rows,
    )
    write("assignment", results)


if __name__ == "__main__":
    main()
