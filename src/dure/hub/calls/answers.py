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
from dure.vocabulary.registration_numbers import is_wrong

TRUE: Final = frozenset({"on", "true", "1", "yes"})
FALSE: Final = frozenset({"off", "false", "0", "no"})
Organisation = dict[str, str]
Answer = str | int | bool | list[Organisation]

MOST_ORGANISATIONS: Final = 50
"""More partners than any call is known to take; a field's `maximum` says fewer."""


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
        elif value not in (None, "", []):
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


def _organisations(field: FormField, value: object) -> list[Organisation]:
    """One a line, or entries as they were kept: a name, and its number behind the last comma."""
    if isinstance(value, list):
        lines = [", ".join(map(str, entry.values())) for entry in value if isinstance(entry, dict)]
    else:
        lines = _text(field, value).splitlines()
    entries = [_organisation(line.strip()) for line in lines if line.strip(" ,")]
    most = field.maximum if field.maximum is not None else MOST_ORGANISATIONS
    if len(entries) > most:
        raise _Mistyped("answer.too_many_organisations", maximum=most, count=len(entries))
    if field.minimum is not None and len(entries) < field.minimum:
        raise _Mistyped("answer.too_few_organisations", minimum=field.minimum)
    return entries


def _organisation(line: str) -> Organisation:
    name, comma, number = (part.strip() for part in line.rpartition(","))
    if not comma or not any(sign.isdigit() for sign in number):
        name, number = line.strip(" ,"), ""
    if not name or len(name) > _LONGEST_NAME or not any(map(str.isalpha, name)):
        raise _Mistyped("answer.not_an_organisation", line=line[:_LONGEST_NAME])
    if is_wrong(number):
        raise _Mistyped("answer.wrong_registration_number", number=number, name=name)
    return {"name": name, "number": number}


_LONGEST_NAME: Final = 200
"""As long as a registered organisation's name may be."""

_READERS: Final[dict[str, Callable[[FormField, object], Answer]]] = {
    "text": _text,
    "long_text": _text,
    "integer": _integer,
    "choice": _choice,
    "boolean": _boolean,
    "date": _date,
    "share": _share,
    "organisations": _organisations,
}
