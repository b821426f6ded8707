"""When two written names mean one organisation.

- Compared after Unicode NFKC and case folding, without spaces, punctuation and legal forms:
  `㈜두레`, `(주) 두레`, `두레 주식회사` are one; so are `Dure Co., Ltd.` and `DURE`.
- A university and its industry-academic cooperation foundation (산학협력단) are one.
- What cannot be told apart counts as the same: a needless change of reviewer costs little, a
  reviewer judging their own organisation costs the round.
- A name that was not given is nobody's: two blanks are not one organisation.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from unicodedata import category, normalize

# Korean legal forms in brackets, anywhere in a name (commercial and non-profit registers).
_BRACKETED: Final = re.compile(r"\(\s*(?:주|유|합|재|사|학|의|복)\s*\)")

# Written before or after the name, with or without a space.
_KOREAN_FORMS: Final = (
    "주식회사",
    "유한책임회사",
    "유한회사",
    "합자회사",
    "합명회사",
    "재단법인",
    "사단법인",
    "학교법인",
    "의료법인",
    "사회복지법인",
    "산학협력단",
)

# Last words of a name; several may follow each other ("Co., Ltd.").
_LATIN_FORMS: Final = frozenset(
    {
        *("inc", "incorporated", "co", "company", "corp", "corporation", "ltd", "limited"),
        *("llc", "llp", "plc", "pte", "gmbh", "ag", "kk", "bv"),
    }
)

# The English names of 산학협력단 that Korean universities use.
_FOUNDATION: Final = re.compile(
    r"\b(?:(?:industry|university)[ -](?:academic|academia|university|industry)"
    r"(?: (?:cooperation|collaboration|research cooperation))?|r&db) (?:foundation|group)\b"
)


@lru_cache(maxsize=16_384)  # names of a call; each is compared with every reviewer
def canonical_name(written: str) -> str:
    """What is compared: equal for two spellings of one organisation, empty for no name."""
    folded = normalize("NFKC", normalize("NFKC", written).casefold())
    spaced = _FOUNDATION.sub(" ", _BRACKETED.sub(" ", folded))
    return _without_korean_forms(_joined(_without_latin_forms(spaced))) or _joined(folded) or folded


def _without_latin_forms(name: str) -> str:
    words = _words(name).split()
    while words and words[-1] in _LATIN_FORMS:
        words.pop()
    return " ".join(words)


def _without_korean_forms(name: str) -> str:
    for form in _KOREAN_FORMS:
        shorter = name.removeprefix(form).removesuffix(form)
        if shorter != name:
            return _without_korean_forms(shorter)
    return name


def _words(name: str) -> str:
    """Letters, digits and their marks stay; everything else parts words. Dots vanish: `L.L.C.`."""
    return "".join(
        letter if category(letter)[0] in "LNM" else " " for letter in name.replace(".", "")
    )


def _joined(name: str) -> str:
    return "".join(_words(name).split())


def name_keys(name: str) -> frozenset[str]:
    """What a written organisation may be compared by; two are one where any key is shared."""
    canonical = canonical_name(name)
    return frozenset({canonical} if canonical else ())


def same_organisation(a: str, b: str) -> bool:
    """Whether two written names mean one organisation, in Korean or in English."""
    return not name_keys(a).isdisjoint(name_keys(b))
