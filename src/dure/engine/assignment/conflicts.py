"""Conflicts of interest between a reviewer and an application. The first that holds is named.

- The reviewer's organisation applies, or is a partner.
- They declared a conflict with the application, the applicant or a partner.
- A person of the reviewer's name takes part in it.
- They and the applicant, a partner or one of its people worked in a project together that ended in
  `since` or later.
- They are tied to a provider that it prefers, or that applies itself (a bid).
- They have an application of their own in the group it competes in.
- Two names are one where any of their keys is shared: in Hangul or romanised, in either order.
  What cannot be told apart counts as the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dure.engine.assignment.facts import Pair, Reviewer, Submission
from dure.engine.organisation_names import name_keys
from dure.engine.person_names import person_keys

Keys = frozenset[str]


@dataclass(frozen=True, slots=True)
class _Applicant:
    """A submission's names as keys; `theirs` are the applicant's and the partners'."""

    application: str
    own: Keys
    theirs: Keys
    people: Keys
    providers: Keys
    group: str

    @classmethod
    def of(cls, submission: Submission) -> _Applicant:
        return cls(
            application=submission.application,
            own=name_keys(submission.organisation),
            theirs=_keys(name_keys, [submission.organisation, *submission.partners]),
            people=_keys(person_keys, submission.people),
            providers=_keys(name_keys, submission.providers),
            group=submission.group,
        )


@dataclass(frozen=True, slots=True)
class _Judge:
    """A reviewer's names as keys."""

    own: Keys
    name: Keys
    declared: frozenset[str]
    declared_keys: Keys
    worked_with: Keys
    worked_with_people: Keys
    supplies: Keys
    competes_in: frozenset[str]

    @classmethod
    def of(cls, reviewer: Reviewer, since: int) -> _Judge:
        recent = [past for past in reviewer.past_projects if past.year >= since]
        return cls(
            own=name_keys(reviewer.organisation),
            name=person_keys(reviewer.name),
            declared=frozenset(reviewer.declared),
            declared_keys=_keys(name_keys, reviewer.declared),
            worked_with=_keys(name_keys, (past.organisation for past in recent)),
            worked_with_people=_keys(person_keys, (past.person for past in recent)),
            supplies=_keys(name_keys, reviewer.supplies),
            competes_in=frozenset(reviewer.competes_in) - {""},
        )


def conflict(submission: Submission, reviewer: Reviewer, since: int = 0) -> str | None:
    """The reason code of the reviewer's conflict of interest with the application, or None."""
    return _between(_Applicant.of(submission), _Judge.of(reviewer, since))


def conflicts(
    submissions: Sequence[Submission], reviewers: Sequence[Reviewer], since: int = 0
) -> dict[Pair, str]:
    """Every pair with a conflict, and its reason code; asks only of pairs that share a key."""
    judges = {reviewer.reviewer: _Judge.of(reviewer, since) for reviewer in reviewers}
    by_key: defaultdict[str, set[str]] = defaultdict(set)
    for name, judge in judges.items():
        for key in _judge_keys(judge):
            by_key[key].add(name)
    found: dict[Pair, str] = {}
    for submission in submissions:
        applicant = _Applicant.of(submission)
        near: set[str] = set()
        for key in _applicant_keys(applicant):
            near |= by_key.get(key, set())
        for name in near:
            code = _between(applicant, judges[name])
            if code is not None:
                found[submission.application, name] = code
    return found


def _between(applicant: _Applicant, judge: _Judge) -> str | None:
    rules = (
        ("assignment.same_organisation", judge.own & applicant.own),
        ("assignment.partner_organisation", judge.own & applicant.theirs),
        ("assignment.declared", applicant.application in judge.declared),
        ("assignment.declared", judge.declared_keys & applicant.theirs),
        ("assignment.takes_part", judge.name & applicant.people),
        ("assignment.past_project", judge.worked_with & applicant.theirs),
        ("assignment.past_project", judge.worked_with_people & applicant.people),
        ("assignment.supplier", (judge.own | judge.supplies) & applicant.providers),
        ("assignment.supplier", judge.supplies & applicant.theirs),
        ("assignment.competitor", applicant.group in judge.competes_in),
    )
    return next((code for code, holds in rules if holds), None)


def _judge_keys(judge: _Judge) -> Iterable[str]:
    """All that a shared key is found by. Names of different kinds may meet; `_between` tells."""
    named = judge.own | judge.name | judge.declared_keys | judge.worked_with
    others = judge.worked_with_people | judge.supplies
    return named | others | {f"={word}" for word in judge.declared | judge.competes_in}


def _applicant_keys(applicant: _Applicant) -> Iterable[str]:
    named = applicant.theirs | applicant.people | applicant.providers
    return named | {f"={applicant.application}", f"={applicant.group}"}


def _keys(of: Callable[[str], Keys], names: Iterable[str]) -> Keys:
    return frozenset(key for name in names for key in of(name))
