"""When two written names mean one organisation.

- Compared after Unicode NFKC and case folding, without spaces, punctuation and legal forms:
  `㈜두레`, `(주) 두레`, `두레 주식회사` are one; so are `Dure Co., Ltd.` and `DURE`.
- A university and its industry-academic cooperation foundation (산학협력단) are one.
- What cannot be told apart counts as the same: a needless change of reviewer costs little, a
  reviewer judging their own organisation costs the round.
- Korean and English are compared by parts: words of known meaning (대학교, university) as a set,
  the proper part by how it may sound (`name_sounds`). What neither tells stands in the aliases.
- A department, graduate school or campus is the institution it belongs to; its hospital is not.
- A name that was not given is nobody's: two blanks are not one organisation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final
from unicodedata import category, normalize

from dure.engine import name_sounds
from dure.engine.institution_words import ALIASES, DEPARTMENTS, ENGLISH, KOREAN, LETTERS, PLACES

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


@lru_cache(maxsize=16_384)  # as above
def name_keys(name: str) -> frozenset[str]:
    """What a written organisation is compared by: two are one where any key is shared."""
    outside, inside = _bilingual(name)
    return _keys(name) | (_keys(outside) | _keys(inside) if inside else frozenset())


def _keys(name: str) -> frozenset[str]:
    canonical = canonical_name(name)
    if not canonical:
        return frozenset()
    alias = _alias(name)
    if alias is not None:
        return frozenset({canonical, alias})
    whole = _institution(name)
    return frozenset(
        {canonical, canonical_name(whole), *_derived(whole), *_spelt_letters(canonical)}
    )


_BRACKETS: Final = re.compile(r"^(.+?)\s*[(\[（]([^)\]）]+)[)\]）]\s*$")


def _bilingual(name: str) -> tuple[str, str]:
    """`한빛소프트(Hanbit Soft)`: the name in one script and in brackets in the other."""
    found = _BRACKETS.match(normalize("NFKC", name).strip())
    if found is None or canonical_name(found[2]) in PLACES or _is_department(found[2]):
        return name, ""
    korean = [any(map(name_sounds.is_hangul, part)) for part in found.groups()]
    return (found[1], found[2]) if korean[0] != korean[1] else (name, "")


def same_organisation(a: str, b: str) -> bool:
    """Whether two written names mean one organisation, in Korean or in English."""
    return not name_keys(a).isdisjoint(name_keys(b))


def likeness(a: str, b: str) -> float:
    """How like two names are, from 0 to 1; 1 for those that mean one organisation."""
    if same_organisation(a, b):
        return 1.0
    one, other = canonical_name(a), canonical_name(b)
    return max(
        _shared_pairs(one, other),
        _shared_pairs(name_sounds.coarse(one), name_sounds.coarse(other)),
    )


def _shared_pairs(one: str, other: str) -> float:
    """The share of neighbouring letters that two names have in common (Dice's coefficient)."""
    pairs = {one[i : i + 2] for i in range(len(one) - 1)}
    others = {other[i : i + 2] for i in range(len(other) - 1)}
    return 2 * len(pairs & others) / (len(pairs) + len(others)) if pairs and others else 0.0


@cache
def _aliases() -> dict[str, str]:
    """Canonical name -> the key of its institution."""
    return {canonical_name(name): f"@{names[0]}" for names in ALIASES for name in names}


def _alias(name: str) -> str | None:
    """The key of the known institution that the name means, itself or one of its departments."""
    known = _aliases()
    found = known.get(canonical_name(name)) or known.get(canonical_name(_institution(name)))
    if found is not None:
        return found
    head, *rest = _PARTING.split(name.strip())
    parts = [head, *rest]
    whole = [known[key] for part in parts if (key := canonical_name(part)) in known]
    others = [part for part in parts if canonical_name(part) not in known]
    return whole[0] if whole and all(map(_is_department, others)) else None


_PARTING: Final = re.compile(r"\s*[,/|]\s*|(?<=[A-Za-z])\s+(?=[가-힣])|(?<=[가-힣])\s+")
_DEPARTMENT: Final = re.compile(
    rf"(?:{'|'.join(word for word in DEPARTMENTS if not word.isascii())})$"
    rf"|\b(?:{'|'.join(word for word in DEPARTMENTS if word.isascii())})\b"
)
_OF_UNIVERSITY: Final = re.compile(r"^(.*?대학교)\s*(?!.*(?:병원|의료원))[^(]*$")


def _is_department(part: str) -> bool:
    return _DEPARTMENT.search(name_sounds.folded(part)) is not None


def _institution(name: str) -> str:
    """The name without the department that stands before or after it."""
    folded = normalize("NFKC", name).strip()
    in_korean = _OF_UNIVERSITY.match(folded)
    if in_korean:
        return in_korean[1]
    parts = [part for part in folded.split(",") if part.strip()]
    whole = [part for part in parts if not _is_department(part)]
    return ",".join(whole) if whole and len(whole) < len(parts) else folded


def _derived(name: str) -> Iterator[str]:
    """Meanings of the known words, and how the rest may sound."""
    meanings, rest = _parted(name)
    told = "+".join(sorted(set(meanings) - {""}))
    proper = name_sounds.readings(rest)
    if proper:
        yield from (f"{told}|{reading}" for reading in proper)
    elif "+" in told:
        yield f"{told}|"


def _parted(name: str) -> tuple[list[str], str]:
    """The meanings of the known words of a name, and what is left of it."""
    folded = name_sounds.folded(name).replace("&", " and ").replace("'", "").replace("’", "")
    bare = _without_latin_forms(_FOUNDATION.sub(" ", _BRACKETED.sub(" ", folded)))
    meanings: list[str] = []
    rest: list[str] = []
    for word in bare.split():
        for run in _SCRIPTS.findall(word):
            if name_sounds.is_hangul(run[0]):
                _part_korean(_without_korean_forms(run), meanings, rest)
            elif run in ENGLISH:
                meanings.append(ENGLISH[run])
            else:
                rest.append(run)
    return meanings, " ".join(rest)


_SCRIPTS: Final = re.compile(r"[가-힣]+|[^가-힣]+")
_KOREAN_WORD: Final = re.compile("|".join(sorted(KOREAN, key=lambda word: (-len(word), word))))


def _part_korean(run: str, meanings: list[str], rest: list[str]) -> None:
    for word in _KOREAN_WORD.findall(run):
        meanings.extend(KOREAN[word])
    rest.extend(_KOREAN_WORD.sub(" ", run).split())


_LETTERS_FIRST: Final = re.compile(
    rf"(?:{'|'.join(sorted(LETTERS, key=lambda word: (-len(word), word)))}){{2,}}"
)
_LETTER: Final = re.compile("|".join(sorted(LETTERS, key=lambda word: (-len(word), word))))


def _spelt_letters(canonical: str) -> Iterator[str]:
    """케이티 is KT, 에스케이텔레콤 SK텔레콤: the name begins with letters spelt in Hangul."""
    found = _LETTERS_FIRST.match(canonical)
    if found:
        letters = "".join(LETTERS[letter] for letter in _LETTER.findall(found[0]))
        yield letters + canonical[found.end() :]
        yield from _derived(f"{letters} {canonical[found.end() :]}")
