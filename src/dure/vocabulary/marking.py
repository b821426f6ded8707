"""Marks a sentence for translation without translating it; the edge does that."""


def gettext_noop(sentence: str) -> str:
    """The sentence itself; the extraction tool looks for calls of this."""
    return sentence
