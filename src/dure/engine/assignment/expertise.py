"""How well a reviewer knows an application's subject, in points.

- A reviewer's own field counts 3, one they can judge too 2, each shared keyword 1, at most 3 of
  them: knowing many of its words is worth as much as working in its field. (Our choice; programmes
  publish no such weights.)
- Words are compared after Unicode NFKC and case folding, without spaces at their ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from unicodedata import normalize

from dure.engine.assignment.facts import Reviewer, Submission
from dure.vocabulary.plans import Reason

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

OWN_FIELD: Final = 3
OTHER_FIELD: Final = 2
KEYWORDS_AT_MOST: Final = 3


def points(
    submissions: Sequence[Submission], reviewers: Sequence[Reviewer]
) -> npt.NDArray[np.int64]:
    """A row an application, a column a reviewer."""
    import numpy as np  # noqa: PLC0415  # loaded where a plan is made, not where its types are read

    shared = np.zeros((len(submissions), len(reviewers)), dtype=np.int64)
    known = _places(_words(r.keywords) for r in reviewers)
    for word, rows in _places(_words(s.keywords) for s in submissions).items():
        if word in known:
            shared[np.ix_(rows, known[word])] += 1
    total = np.minimum(shared, KEYWORDS_AT_MOST)
    own = _places(_words(r.fields) for r in reviewers)
    other = _places(_words(r.other_fields) - _words(r.fields) for r in reviewers)
    for field, rows in _places(_words([s.field]) for s in submissions).items():
        total[np.ix_(rows, own.get(field, []))] += OWN_FIELD
        total[np.ix_(rows, other.get(field, []))] += OTHER_FIELD
    return total


def reason(submission: Submission, reviewer: Reviewer, load: int) -> Reason:
    """Why this reviewer: what they know of the subject, or else their load."""
    field = _words([submission.field])
    if field & (_words(reviewer.fields) | _words(reviewer.other_fields)):
        return Reason(code="assignment.by_field", params={"field": submission.field, "load": load})
    shared = sorted(_words(submission.keywords) & _words(reviewer.keywords))
    if shared:
        words = ", ".join(shared)
        return Reason(code="assignment.by_keywords", params={"keywords": words, "load": load})
    return Reason(code="assignment.by_load", params={"load": load})


def _words(written: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_word, written)) - {""}


@lru_cache(maxsize=16_384)  # the words of a call; each is asked for once a review
def _word(written: str) -> str:
    return normalize("NFKC", written).strip().casefold()


def _places(words: Iterable[frozenset[str]]) -> dict[str, list[int]]:
    """In which rows (or columns) each word stands."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for place, some in enumerate(words):
        for word in sorted(some):
            found[word].append(place)
    return found
