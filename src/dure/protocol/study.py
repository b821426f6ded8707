"""What the twin, as a process of its own, says to who started it: version `dure.study/1`.

- One JSON document on stdout or in a file; progress is one JSON line each on stderr.
- Sentences that a page shows are the English ones that the catalogue of translations knows, or come
  in both languages.
- Figures of a result are written as a reader sees them; the raw ones stand beside them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from dure.vocabulary.frozen import Frozen, Text


class OfferedPolicy(Frozen):
    """A policy that can be played. `label` and `says` are keys of the catalogue."""

    id: str
    label: str
    says: str


class ShippedScenario(Frozen):
    """A scenario that comes with the twin, with the whole text of its file."""

    id: str
    name: Text
    text: str
    days: int
    policies: tuple[str, ...]
    seeds: int


class TwinOffer(Frozen):
    """What there is to choose from; `profiles` are the site engines that can be played."""

    scenarios: tuple[ShippedScenario, ...]
    policies: tuple[OfferedPolicy, ...]
    profiles: tuple[str, ...]


class FileProblem(Frozen):
    """One thing that is wrong with a scenario's text. Line 0: with what it comes to as a whole."""

    line: int = Field(ge=0)
    column: int = Field(ge=0)
    field: str
    message: str
    hint: str | None = None


class ScenarioChecked(Frozen):
    """Everything wrong with a scenario; where there is nothing, what it would play."""

    problems: tuple[FileProblem, ...] = ()
    name: Text | None = None
    days: int = 0
    policies: tuple[str, ...] = ()
    seeds: int = 0


class PlayProgress(Frozen):
    """How many days of all plays are played."""

    played: int = Field(ge=0)
    of: int = Field(ge=0)
    policy: str
    seed: int


class ResultCell(Frozen):
    """A figure of one policy, and its difference to the first with its uncertainty."""

    value: str
    change: str = ""


class ResultRow(Frozen):
    """One figure, a cell for each policy. `figure` is its name among the raw ones, `label` a key of
    the catalogue."""

    figure: str
    label: str
    cells: tuple[ResultCell, ...]


class StudyResult(Frozen):
    """What a comparison came to: the table of its report, the answer, and every raw figure.

    The raw ones are left out where only the table is kept.
    """

    version: Literal["dure.study/1"] = "dure.study/1"
    scenario: Text
    answer: Text
    recommended: str | None
    policies: tuple[OfferedPolicy, ...]
    seeds: tuple[int, ...]
    rows: tuple[ResultRow, ...]
    comparison: JsonValue = None
    plays: JsonValue = None
