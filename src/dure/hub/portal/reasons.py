"""A reason in the reader's language.

- The sentence comes from the catalogue by its code; its translation by gettext.
- Numbers are grouped, words stand as they are; the caller escapes, for parameters hold what
  applicants wrote.
- A code that the catalogue has lost is shown as the code: an old decision must stay readable.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.formats import number_format
from django.utils.translation import gettext
from pydantic import JsonValue

from dure.vocabulary.plans import Reason
from dure.vocabulary.reasons import CATALOGUE


def sentence(reason: Reason | Mapping[str, object]) -> str:
    """The reason's sentence, filled in, as plain text."""
    given = reason if isinstance(reason, Reason) else Reason.model_validate(reason)
    template = CATALOGUE.get(given.code)
    if template is None:
        return given.code
    words = {name: _word(value) for name, value in given.params.items()}
    return gettext(template).format_map(_Params(words))


def _word(value: JsonValue) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, int):
        return number_format(value, use_l10n=True, force_grouping=True)
    if isinstance(value, list):
        return ", ".join(_word(item) for item in value)
    return str(value)


class _Params(dict[str, str]):
    """A parameter that an old decision does not have is shown by its name."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"
