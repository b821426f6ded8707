"""How a written name may sound, so that Hangul and its romanisations can be compared.

- Hangul has one sound a syllable; a second reading where neighbours change each other (신라 is
  written Silla); a third where ㅡ only parts the consonants of a borrowed word (모비스, Mobis).
  Latin letters have several readings, as Korean is romanised by no one rule: `u` is ㅓ, ㅜ or ㅡ,
  `o` is ㅗ or ㅓ, `k` is ㄱ or ㅋ. Two names sound alike where any reading is shared; so Jung is 정
  and 중, but 정 is not 중.
- Names of more than `FINE_SYLLABLES` syllables are told apart by less: like consonants and vowels
  are one, and there is one reading.
- The alphabet of sounds: a A(ㅓ) o u U(ㅡ) i e, glides y w, consonants k K(ㅋ) t T p P c(ㅈ) C(ㅊ)
  s h m n l; ㅇ at the end of a syllable is `nk`, as "ng" and "n-g" are written alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, product
from typing import Final
from unicodedata import category, normalize

FINE_SYLLABLES: Final = 3
"""A Korean person's name has three syllables, most names of firms two or three (our choice)."""

_FIRST: Final = 0xAC00
_LAST: Final = 0xD7A3
_INITIALS: Final[tuple[str, ...]] = (
    "k",
    "k",
    "n",
    "t",
    "t",
    "l",
    "m",
    "p",
    "p",
    "s",
    "s",
    "",
    *"ccCKTPh",
)
_MEDIALS: Final[tuple[str, ...]] = (
    *("a", "e", "ya", "ye", "A", "e", "yA", "ye", "o", "wa", "we", "we", "yo", "u", "wA"),
    *("we", "wi", "yu", "U", "i", "i"),
)
_FINALS: Final[tuple[str, ...]] = ("", *"kkknnntlkmlllplmpp", "t", "t", "nk", *"ttktp", "")

_BEFORE_VOWEL: Final = {7: "t", 19: "s", 20: "s", 22: "c", 23: "C", 24: "K", 25: "T", 26: "P"}
"""Final consonants, by their number, that keep their own sound before a vowel."""

_ASSIMILATED: Final = {
    ("n", "l"): ("l", "l"),
    ("l", "n"): ("l", "l"),
    ("k", "n"): ("nk", "n"),
    ("k", "m"): ("nk", "m"),
    ("k", "l"): ("nk", "n"),
    ("p", "n"): ("m", "n"),
    ("p", "m"): ("m", "m"),
    ("p", "l"): ("m", "n"),
    ("t", "n"): ("n", "n"),
    ("t", "m"): ("n", "m"),
    ("m", "l"): ("m", "n"),
    ("nk", "l"): ("nk", "n"),
}

_VOWELS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("yeo",), ("yA",)),
    **dict.fromkeys(("yae", "ye", "yea"), ("ye",)),
    **dict.fromkeys(("you", "yeu"), ("yA", "yu", "yo")),
    **dict.fromkeys(("yoo",), ("yu",)),
    **dict.fromkeys(("yu",), ("yu", "yA")),
    **dict.fromkeys(("yo",), ("yo", "yA")),
    **dict.fromkeys(("ya",), ("ya",)),
    **dict.fromkeys(("wae", "oe", "we", "oi", "wei", "woe"), ("we",)),
    **dict.fromkeys(("wa",), ("wa",)),
    **dict.fromkeys(("wo", "weo"), ("wA",)),
    **dict.fromkeys(("wi", "wee"), ("wi",)),
    **dict.fromkeys(("oo", "woo", "wu"), ("u",)),
    **dict.fromkeys(("eui", "ui", "ee", "yi", "y", "i"), ("i",)),
    **dict.fromkeys(("ei", "ey", "ay", "ai", "ae", "ea", "e"), ("e",)),
    **dict.fromkeys(("eo",), ("A",)),
    **dict.fromkeys(("oeu",), ("oU",)),
    **dict.fromkeys(("eu",), ("U",)),
    **dict.fromkeys(("ou",), ("o", "u", "A")),
    **dict.fromkeys(("o",), ("o", "A")),
    **dict.fromkeys(("u",), ("A", "u", "U")),
    **dict.fromkeys(("a", "aa"), ("a",)),
}

_CONSONANTS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("kk", "gg", "g", "gh"), ("k",)),
    **dict.fromkeys(("k", "kh", "ck", "c", "q"), ("k", "K")),
    **dict.fromkeys(("d", "dd", "tt"), ("t",)),
    **dict.fromkeys(("t", "th"), ("t", "T")),
    **dict.fromkeys(("b", "bb", "pp", "v"), ("p",)),
    **dict.fromkeys(("p", "ph", "f"), ("p", "P")),
    **dict.fromkeys(("j", "jj", "z"), ("c",)),
    **dict.fromkeys(("ch", "tch"), ("c", "C")),
    **dict.fromkeys(("s", "ss", "sh"), ("s",)),
    **dict.fromkeys(("l", "ll", "r", "rr"), ("l",)),
    "h": ("h",),
    "m": ("m",),
    "n": ("n",),
    "ng": ("nk",),
    "x": ("ks",),
}


def _one_of(letters: dict[str, tuple[str, ...]]) -> str:
    return "|".join(sorted(letters, key=lambda written: (-len(written), written)))


_PIECE: Final = re.compile(
    rf"(?P<vowel>{_one_of(_VOWELS)})|(?P<consonant>{_one_of(_CONSONANTS)})|(?P<other>.)"
)
_SOFT_C: Final = re.compile(r"c(?=[eiy])")
_SILENT: Final = frozenset({"r", "h"})
"""Consonants not heard where no vowel follows: Park, Ahn."""

_DOUBLED: Final = re.compile(r"([kKtTpPcCshmnl])\1+")
_COARSE: Final = str.maketrans("KTPCAuU", "ktpcooo", "yw")
_RUN: Final = re.compile(r"[가-힣]+|[a-z]+|[0-9]+")
_VOWEL_SOUNDS: Final = frozenset("aAouUie")


def readings(name: str) -> frozenset[str]:
    """All ways the name may sound, spaces and marks left out; none for a name of other scripts."""
    sounds = [option for run in _RUN.findall(folded(name)) for option in _options(run)]
    if not sounds:
        return frozenset()
    first = "".join(several[0] for several in sounds)
    if sum(sound in _VOWEL_SOUNDS for sound in first) > FINE_SYLLABLES:
        sounds = [_told_apart_by_less(several) for several in sounds]
    several = islice(product(*sounds), _MOST_READINGS)
    return frozenset(_once("".join(chosen)) for chosen in several)


def coarse(name: str) -> str:
    """One rough sound of a name of any length, to measure likeness with."""
    options = (option for run in _RUN.findall(folded(name)) for option in _options(run))
    return _once("".join(several[0] for several in options).translate(_COARSE))


def folded(name: str) -> str:
    """Compatibility forms, composed Hangul, small letters, no accents."""
    parted = normalize("NFKD", normalize("NFKC", name).casefold())
    return normalize("NFKC", "".join(sign for sign in parted if category(sign) != "Mn"))


def is_hangul(sign: str) -> bool:
    return _FIRST <= ord(sign) <= _LAST


_MOST_READINGS: Final = 512
"""Three syllables have fewer, however written; a hostile name has no end of them."""


def _told_apart_by_less(several: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.translate(_COARSE) for one in several))


def _once(sounds: str) -> str:
    return _DOUBLED.sub(r"\1", sounds)


def _options(run: str) -> list[tuple[str, ...]]:
    """What each piece of a run of one script may sound like, the likeliest first."""
    if is_hangul(run[0]):
        ways = ("".join(way) for way in (_spelt(run), _spoken(run), _borrowed(run)))
        return [tuple(dict.fromkeys(ways))]
    return _of_latin(run) if run.isalpha() else [(run,)]


def _of_latin(run: str) -> list[tuple[str, ...]]:
    pieces = list(_PIECE.finditer(_SOFT_C.sub("s", run.replace("wh", "hw"))))
    return [
        _sounds(piece, before_vowel=following is not None and following.lastgroup == "vowel")
        for piece, following in zip(pieces, [*pieces[1:], None], strict=True)
    ]


def _sounds(piece: re.Match[str], *, before_vowel: bool) -> tuple[str, ...]:
    written = piece.group()
    match piece.lastgroup:
        case "vowel":
            return _VOWELS[written]
        case "consonant" if before_vowel:
            return _CONSONANTS[written]
        case "consonant" if written in _SILENT:
            return ("",)
        case "consonant":
            return _CONSONANTS[written][:1]
        case _:
            return ("",)


def _jamo(run: str) -> list[tuple[int, int, int]]:
    codes = [ord(syllable) - _FIRST for syllable in run]
    return [(code // 588, code % 588 // 28, code % 28) for code in codes]


def _spelt(run: str) -> Iterator[str]:
    """Each syllable for itself."""
    syllables = _jamo(run)
    for (initial, medial, final), following in zip(syllables, [*syllables[1:], None], strict=True):
        yield _INITIALS[initial] + _MEDIALS[medial] + _final(final, following)


def _final(final: int, following: tuple[int, int, int] | None) -> str:
    if following is not None and _INITIALS[following[0]] == "":
        return _BEFORE_VOWEL.get(final, _FINALS[final])
    return _FINALS[final]


def _borrowed(run: str) -> Iterator[str]:
    """As a word of another language: 스 and 트 without the vowel that Hangul has to write."""
    for sounds, (_, medial, final) in zip(_spelt(run), _jamo(run), strict=True):
        open_u = _MEDIALS[medial] == "U" and final == 0
        yield sounds.removesuffix("U").lower() if open_u else sounds


def _spoken(run: str) -> Iterator[str]:
    """As neighbours change each other."""
    syllables = _jamo(run)
    changed = ""
    for (initial, medial, final), following in zip(syllables, [*syllables[1:], None], strict=True):
        first = changed or _INITIALS[initial]
        last, changed = _final(final, following), ""
        if following is not None and (last, _INITIALS[following[0]]) in _ASSIMILATED:
            last, changed = _ASSIMILATED[last, _INITIALS[following[0]]]
        yield first + _MEDIALS[medial] + last
