"""Which applications may be one project, and which organisations may be one.

- Only a suspicion with its evidence: a person decides, nothing is refused here.
- Two projects are told by what their titles and summaries share and few others have. A phrase of
  many applications (a form's boilerplate) tells nothing, so it is not counted.
- The same organisation or the same person behind both makes less text enough; neither is enough
  without it, for an institute may well have two projects.
- The order of the projects changes nothing; the earlier submitted of a pair stands first.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import chain, combinations
from typing import Final
from unicodedata import normalize

from pydantic import model_validator

from dure.engine.organisation_names import canonical_name, name_keys
from dure.engine.person_names import person_keys
from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Reason
from dure.vocabulary.registration_numbers import comparable

SHINGLE: Final = 4
"""Letters looked at together: two Korean words' worth, and short enough for a changed ending."""

ALONE: Final = 0.6
WITH_ORGANISATION: Final = 0.45
WITH_PERSON: Final = 0.35
"""Share of the telling shingles that must agree: by itself, with the same organisation, with the
same person (our choice; the cases in the tests lie well on either side)."""

FEWEST: Final = 8
"""With fewer telling shingles a text is too short to be judged; only an equal one is found."""

RAREST: Final = 24
"""Rarest shingles of a text by which it finds its likes: a copy shares most of them."""


_MARKS: Final = re.compile(r"[\W_]+")


class Project(Frozen):
    """An application as duplicates are told; `order` is its place by submission."""

    application: str
    order: int
    title: str
    summary: str = ""
    organisation: str
    number: str = ""
    person: str = ""


class Registered(Frozen):
    """An organisation in the hub's register."""

    organisation: str
    name: str
    number: str = ""


class DuplicatesSnapshot(Frozen):
    call: str
    projects: tuple[Project, ...]
    organisations: tuple[Registered, ...] = ()

    @model_validator(mode="after")
    def _once_each(self) -> DuplicatesSnapshot:
        require_distinct("application", (p.application for p in self.projects))
        require_distinct("organisation", (o.organisation for o in self.organisations))
        return self


class ProjectPair(Frozen):
    """Two applications that may be one project; `percent` of what tells them agrees."""

    first: str
    second: str
    percent: int
    evidence: tuple[Reason, ...]


class OrganisationPair(Frozen):
    """Two entries of the register that may be one organisation."""

    first: str
    second: str
    evidence: tuple[Reason, ...]


class Duplicates(Frozen):
    """Project pairs, the likest first; organisation pairs by their ids."""

    call: str
    projects: tuple[ProjectPair, ...]
    organisations: tuple[OrganisationPair, ...]


def find(snapshot: DuplicatesSnapshot) -> Duplicates:
    """All pairs worth a look, each with its evidence."""
    projects = sorted(snapshot.projects, key=lambda project: (project.order, project.application))
    texts = _telling([_text(project) for project in projects])
    found = (
        _pair(projects[one], projects[other], _agreement(texts, one, other))
        for one, other in sorted(_alike(projects, texts))
    )
    pairs = [pair for pair in found if pair is not None]
    return Duplicates(
        call=snapshot.call,
        projects=tuple(sorted(pairs, key=lambda pair: (-pair.percent, pair.first, pair.second))),
        organisations=registered_twice(snapshot.organisations),
    )


def _text(project: Project) -> str:
    return _letters(f"{project.title} {project.summary}")


def _letters(text: str) -> str:
    """Without case, compatibility forms, spaces and marks."""
    return _MARKS.sub("", normalize("NFKC", normalize("NFKC", text).casefold()))


@dataclass(frozen=True, slots=True)
class _Texts:
    """`telling`: shingles that few texts have; `own`: those of one text alone; `shared_by`: how
    many texts have each."""

    whole: list[str]
    telling: list[set[str]]
    own: set[str]
    shared_by: Counter[str]


def _telling(whole: list[str]) -> _Texts:
    shingles = [set(_shingles(text)) for text in whole]
    shared_by = Counter(chain.from_iterable(shingles))
    # A twentieth of the call; a copy or two always tells, and a crowd of 64 never does.
    most = max(4, min(len(whole) // 20, 64))
    common = {shingle for shingle, texts in shared_by.items() if texts > most}
    own = {shingle for shingle, texts in shared_by.items() if texts == 1}
    return _Texts(whole, [one - common for one in shingles], own, shared_by)


def _shingles(text: str) -> Iterator[str]:
    return map("".join, zip(*(text[at:] for at in range(SHINGLE)), strict=False))


def _alike(projects: Sequence[Project], texts: _Texts) -> set[tuple[int, int]]:
    """Pairs that share rare shingles, and those of equal text: each with the first of its kind."""
    pairs = _of_equal_text(texts.whole)
    holders: dict[str, list[int]] = defaultdict(list)
    for index in range(len(projects)):
        shared = texts.telling[index] - texts.own
        for shingle in nsmallest(RAREST, shared, key=lambda s: (texts.shared_by[s], s)):
            holders[shingle].append(index)
    together = Counter(pair for several in holders.values() for pair in combinations(several, 2))
    pairs.update(pair for pair, count in together.items() if count > 1)
    return pairs


def _of_equal_text(whole: list[str]) -> set[tuple[int, int]]:
    first: dict[str, int] = {}
    return {
        (first[text], index)
        for index, text in enumerate(whole)
        if text and first.setdefault(text, index) != index
    }


def _agreement(texts: _Texts, one: int, other: int) -> float:
    """Shared telling shingles among all of both (Jaccard)."""
    if texts.whole[one] == texts.whole[other]:
        return 1.0
    ours, theirs = texts.telling[one], texts.telling[other]
    if min(len(ours), len(theirs)) < FEWEST:
        return 0.0
    shared = len(ours & theirs)
    return shared / (len(ours) + len(theirs) - shared)


def _pair(one: Project, other: Project, agreement: float) -> ProjectPair | None:
    if agreement < WITH_PERSON:
        return None
    organisation, person = tuple(_same_organisation(one, other)), _same_person(one, other)
    enough = min(
        ALONE, WITH_ORGANISATION if organisation else ALONE, WITH_PERSON if person else ALONE
    )
    if agreement < enough:
        return None
    percent = int(agreement * 100)
    text = [Reason(code="duplicate.text", params={"percent": percent})]
    if _letters(one.title) == _letters(other.title):
        text.append(Reason(code="duplicate.title"))
    return ProjectPair(
        first=one.application,
        second=other.application,
        percent=percent,
        evidence=(*text, *organisation, *person),
    )


def _same_organisation(one: Project, other: Project) -> Iterator[Reason]:
    if not name_keys(one.organisation).isdisjoint(name_keys(other.organisation)):
        yield _of_two("duplicate.organisation", one.organisation, other.organisation)
    if comparable(one.number) and comparable(one.number) == comparable(other.number):
        yield Reason(code="duplicate.number", params={"number": one.number})


def _same_person(one: Project, other: Project) -> tuple[Reason, ...]:
    if person_keys(one.person).isdisjoint(person_keys(other.person)):
        return ()
    return (_of_two("duplicate.person", one.person, other.person),)


def _of_two(code: str, first: str, second: str) -> Reason:
    return Reason(code=code, params={"first": first, "second": second})


def registered_twice(organisations: Iterable[Registered]) -> tuple[OrganisationPair, ...]:
    """Entries that share a number or a key of their names, by their ids."""
    known = {one.organisation: one for one in organisations}
    holders: dict[str, set[str]] = defaultdict(set)
    for one in known.values():
        number = comparable(one.number)
        for key in (*name_keys(one.name), *([f"#{number}"] if number else [])):
            holders[key].add(one.organisation)
    pairs = {pair for several in holders.values() for pair in combinations(sorted(several), 2)}
    return tuple(
        OrganisationPair(
            first=first, second=second, evidence=tuple(_why_one(known[first], known[second]))
        )
        for first, second in sorted(pairs)
    )


def _why_one(one: Registered, other: Registered) -> Iterator[Reason]:
    if canonical_name(one.name) and canonical_name(one.name) == canonical_name(other.name):
        yield _of_two("duplicate.spelling", one.name, other.name)
    elif not name_keys(one.name).isdisjoint(name_keys(other.name)):
        yield _of_two("duplicate.names", one.name, other.name)
    if comparable(one.number) and comparable(one.number) == comparable(other.number):
        yield Reason(code="duplicate.number", params={"number": one.number})
