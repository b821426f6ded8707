"""Typed answers from what a form or an API sent.

- A draft may be incomplete, never mistyped: what is there has its field's type and bounds.
- An empty answer is no answer. Null bytes, which no database keeps in a text, are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final

from dure.quantities import Share, ShareOutOfRangeError
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme import FormField

TRUE: Final = frozenset({"on", "true", "1", "yes"})
FALSE: Final = frozenset({"off", "false", "0", "no"})
Answer = str | int | bool


class _Mistyped(Exception):
    def __init__(self, code: str, **params: str | int) -> None:
        self.reason = Reason(code=code, params=dict(params))


def typed(
    form: Sequence[FormField], raw: Mapping[str, object]
) -> tuple[dict[str, Answer], dict[str, Reason]]:
    """The answers that are well typed, and for each other field why it is not."""
    fields = {field.id: field for field in form}
    answers: dict[str, Answer] = {}
    problems: dict[str, Reason] = {}
    for name, value in raw.items():
        field = fields.get(name)
        if field is None:
            problems[name] = Reason(code="answer.unknown_field")
        elif value not in (None, ""):
            try:
                answers[name] = _READERS[field.kind](field, value)
            except _Mistyped as error:
                problems[name] = error.reason
    return answers, problems


def _text(field: FormField, value: object) -> str:
    text = str(value).replace("\x00", "").strip()
    if len(text) > field.max_length:
        raise _Mistyped("answer.too_long", limit=field.max_length, length=len(text))
    return text


def _integer(field: FormField, value: object) -> int:
    if isinstance(value, bool):
        raise _Mistyped("answer.not_a_number")
    try:
        number = int(str(value).strip().replace(",", ""))
    except ValueError:
        raise _Mistyped("answer.not_a_number") from None
    if field.minimum is not None and number < field.minimum:
        raise _Mistyped("answer.too_small", minimum=field.minimum)
    if field.maximum is not None and number > field.maximum:
        raise _Mistyped("answer.too_large", maximum=field.maximum)
    return number


def _choice(field: FormField, value: object) -> str:
    if str(value) not in {choice.value for choice in field.choices}:
        raise _Mistyped("answer.not_a_choice")
    return str(value)


def _boolean(_field: FormField, value: object) -> bool:
    word = str(value).lower()
    if word not in TRUE | FALSE:
        raise _Mistyped("answer.not_a_choice")
    return word in TRUE


def _date(_field: FormField, value: object) -> str:
    try:
        return date.fromisoformat(str(value).strip()).isoformat()
    except ValueError:
        raise _Mistyped("answer.not_a_date") from None


def _share(_field: FormField, value: object) -> str:
    try:
        return str(Share.parse(str(value)))
    except (ShareOutOfRangeError, ValueError, ZeroDivisionError):
        raise _Mistyped("answer.not_a_share") from None


_READERS: Final[dict[str, Callable[[FormField, object], Answer]]] = {
    "text": _text,
    "long_text": _text,
    "integer": _integer,
    "choice": _choice,
    "boolean": _boolean,
    "date": _date,
    "share": _share,
}
