"""Errors that a person reads in their own language."""

from __future__ import annotations

from collections.abc import Callable

Translate = Callable[[str], str]


class Refusal(Exception):
    """A marked sentence with its values; `said` is the sentence in the reader's language."""

    def __init__(self, sentence: str, **params: object) -> None:
        self._sentence = sentence
        self._params = params
        super().__init__(sentence.format(**params))

    def said(self, translate: Translate) -> str:
        return translate(self._sentence).format(**self._params)
