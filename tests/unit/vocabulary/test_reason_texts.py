"""The English sentences of reasons read right whatever number fills them."""

from __future__ import annotations

import re

from dure.vocabulary.reasons import CATALOGUE

COUNTED = re.compile(r"\{\w+\} (?:more |idle )?(?:servers|accelerators|members)\b")
OF_SEVERAL = re.compile(r"of the \{\w+\} servers")
"""Less than what was asked for was given, so more than one was asked for."""


def test_no_sentence_says_one_servers() -> None:
    wrong = {
        code: sentence
        for code, sentence in CATALOGUE.items()
        if COUNTED.search(OF_SEVERAL.sub("", sentence))
    }
    assert wrong == {}


def test_reclaim_is_a_pull_back_and_never_the_taking_back_of_lent_capacity() -> None:
    taken = re.compile(r"\btak(?:e|en|ing)[ -]back", re.IGNORECASE)
    said = [code for code, sentence in CATALOGUE.items() if taken.search(sentence)]
    assert [code for code in said if not code.startswith(("job.", "lending.", "routing."))] == []
