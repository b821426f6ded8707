"""The base of every fact: immutable, closed, with one JSON form for records and replays."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A fact. Unknown fields are errors: a misspelt rule must not be a rule that is not there."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Text(Frozen):
    """A sentence or name in both languages of the interface."""

    ko: str
    en: str
