"""What pydantic found, said so that the person who writes programme files understands it."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from pydantic_core import ErrorDetails

from dure.vocabulary.programme.model import Programme

Loc = tuple[str | int, ...]

_TEXT: Final = "write text here"
_WHOLE: Final = "write a whole number here"
_DATE: Final = "write a date here, such as 2026-03-03"
_LIST: Final = "write a list here: one '- ' line for each entry"
_GROUP: Final = "write a group of fields here: one 'name: value' line for each"
_YES_NO: Final = "write true or false here"

SENTENCES: Final[dict[str, str]] = {
    "string_type": _TEXT,
    "string_too_short": "this must not be empty",
    "string_too_long": "this is longer than {max_length} characters",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "tuple_type": _LIST,
    "dict_type": _GROUP,
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "too_short": "this list needs at least {min_length} entry",
    "greater_than": "this must be more than {gt}",
    "greater_than_equal": "this must be at least {ge}",
    "less_than": "this must be less than {lt}",
    "less_than_equal": "this must be at most {le}",
}
"""pydantic's name of an error -> our sentence, filled from the error's context."""

FORMS: Final[dict[str, str]] = {
    "currency": "write the currency as three capital letters, such as KRW",
    "month_day": "write the day of the year as month-day in quotes, such as '05-01'",
}
"""Fields with a form of their own; all other patterns are those of ids."""

_ID: Final = "an id holds letters, digits, '.', '_' and '-', and starts with a letter or digit"


def sentence(error: ErrorDetails) -> tuple[str, str | None]:
    """The message and, where there is one, the hint. `missing` and unknown fields stand apart."""
    kind, written = error["type"], error["input"]
    context = error.get("ctx", {})
    if kind in {"literal_error", "union_tag_invalid"}:
        choices = context.get("expected") or context["expected_tags"]
        written = context.get("tag", written)
        return _choose(written, re.findall(r"'([^']*)'", str(choices)))
    if kind == "string_pattern_mismatch":
        return FORMS.get(str(error["loc"][-1]), _ID), None
    if kind == "value_error":
        return str(context["error"]), None
    asked = SENTENCES[kind].format(**context) if kind in SENTENCES else error["msg"]
    return _with_what_stands_there(asked, kind, written)


def _with_what_stands_there(asked: str, kind: str, written: object) -> tuple[str, str | None]:
    if written is None:
        return f"nothing stands here; {asked.removesuffix(' here')}", None
    if kind == "string_type" and isinstance(written, bool | int | float):
        return asked, "put it in quotes"
    if kind in {"model_type", "model_attributes_type"} and isinstance(written, str):
        return asked, "a name or sentence is written in both languages: {ko: …, en: …}"
    return asked, None


def _choose(written: object, choices: list[str]) -> tuple[str, str | None]:
    listed = ", ".join(choices)
    near = get_close_matches(str(written), choices, n=1)
    hint = f"did you mean '{near[0]}'?" if near else None
    return f"'{written!s:.40}' is none of the choices: {listed}", hint


def suggestion(name: str, known: Collection[str]) -> str | None:
    """The known field most like `name`, if any is."""
    near = get_close_matches(name, known, n=1)
    return near[0] if near else None


def known_fields(loc: Loc) -> list[str]:
    """The fields that the group at `loc` may have."""
    return list(_schema_at(loc).get("properties", {}))


def kinds(loc: Loc) -> list[str]:
    """The kinds of rule that the entry at `loc` may be."""
    return list(_schema_at(loc).get("discriminator", {}).get("mapping", {}))


def _schema_at(loc: Loc) -> dict[str, Any]:
    node = _schema()
    for step in loc:
        node = _into(_resolved(node), step)
    return _resolved(node)


@cache
def _schema() -> dict[str, Any]:
    return Programme.model_json_schema()


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """The schema behind references and behind 'or nothing'."""
    while True:
        if "$ref" in node:
            node = _schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
        elif "anyOf" in node:
            node = node["anyOf"][0]
        else:
            return node


def _into(node: dict[str, Any], step: str | int) -> dict[str, Any]:
    if isinstance(step, int):
        return node.get("items", {})  # type: ignore[no-any-return]  # a schema is plain JSON
    tags = node.get("discriminator", {}).get("mapping", {})
    if step in tags:
        return {"$ref": tags[step]}
    return node.get("properties", {}).get(step, {})  # type: ignore[no-any-return]  # plain JSON
