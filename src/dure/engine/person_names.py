"""When two written names mean one person.

- A name that was not given is nobody's.
"""

from __future__ import annotations

from dure.engine.organisation_names import canonical_name


def person_keys(name: str) -> frozenset[str]:
    """What a written person may be compared by; two are one where any key is shared."""
    canonical = canonical_name(name)
    return frozenset({canonical} if canonical else ())


def same_person(a: str, b: str) -> bool:
    """Whether two written names may mean one person: Hangul, romanised, in either order."""
    return not person_keys(a).isdisjoint(person_keys(b))
