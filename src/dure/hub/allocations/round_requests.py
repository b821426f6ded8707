"""What a ranked application asks of a round, read from its answers and the programme's rules.

- The amount is of the first acceptable model. Another model's is as much of it as weighs the same,
  in whole servers, rounded up; one that the size class does not allow is no wish.
- The term is what was asked for, within those of track and size class; else the call's months.
- A form may ask for the earliest and the latest start, as a month of the round or as a day. An
  award starts within the call's months; without an answer in the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from fractions import Fraction
from math import ceil
from typing import Final
from zoneinfo import ZoneInfo

from dure.engine import allocation as engine
from dure.hub.allocations.round_months import RoundMonths
from dure.hub.calls.models import Application
from dure.vocabulary.months import months_later
from dure.vocabulary.programme import Call, Programme, SizeClass, Track

EARLIEST: Final = "earliest_start"
LATEST: Final = "latest_start"
MINIMUM: Final = "minimum_servers"
MONTHS: Final = "months"
"""The form's questions that a round reads; a programme asks those it has a use for."""

FURTHEST: Final = 120
"""Months that a start is looked for in: no programme calls for more than ten years ahead."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The rules that an application stands under."""

    call: Call
    track: Track
    size: SizeClass

    @property
    def most_months(self) -> int:
        """The longest term of its track and size class."""
        return min(self.track.max_months, self.size.max_months or self.track.max_months)


def lane_of(application: Application, document: Programme) -> Lane:
    """The call, track and size class in the programme's file."""
    track = next(t for t in document.tracks if t.id == application.track)
    return Lane(
        call=next(c for c in document.calls if c.id == application.call.key),
        track=track,
        size=next(s for s in track.size_classes if s.id == application.size_class),
    )


def months_of(application: Application, lane: Lane) -> int:
    """The months it runs for, once awarded."""
    asked = _number(application, MONTHS)
    return min(asked or lane.call.months, lane.most_months)


def starts_of(application: Application, lane: Lane, months: RoundMonths) -> tuple[int, int]:
    """The first and the last month of the round that it may start in."""
    supply = lane.call.supply_from
    earliest = _day(application, EARLIEST, lane) or supply
    latest = _day(application, LATEST, lane) or earliest
    of = months.first_from(supply, of=FURTHEST) + lane.call.months
    first = min(months.first_from(earliest, of=of), of - 1)
    return first, max(first, months.last_until(latest, of=of))


def wishes_of(application: Application, lane: Lane, document: Programme) -> tuple[engine.Wish, ...]:
    """What it takes of each acceptable model, the most wanted first."""
    return tuple(_wishes(application, lane, document))


def _wishes(application: Application, lane: Lane, document: Programme) -> Iterator[engine.Wish]:
    weights = {model.id: Fraction(model.weight) for model in document.accelerators}
    wanted = application.amount or 0
    minimum = _minimum(application, lane, wanted)
    first = weights[application.models_accepted[0]]
    for index, model in enumerate(application.models_accepted):
        ratio = first / weights[model]
        servers, least = ceil(wanted * ratio), ceil(minimum * ratio)
        most = lane.track.max_amount_by_model.get(model, lane.size.bounds(model)[1])
        if index and least > most:
            continue
        yield engine.Wish(
            model=model,
            servers=min(servers, most) if index else servers,
            minimum=least,
            weight=weights[model],
        )


def _minimum(application: Application, lane: Lane, wanted: int) -> int:
    asked = _number(application, MINIMUM) if lane.track.award == "reducible" else None
    return min(wanted, asked) if asked else wanted


def _number(application: Application, question: str) -> int | None:
    answer = application.answers.get(question)
    return answer if isinstance(answer, int) and not isinstance(answer, bool) else None


def _day(application: Application, question: str, lane: Lane) -> date | None:
    """The day that was answered, or the first of the month of supply that was."""
    answer = application.answers.get(question)
    if isinstance(answer, str) and answer:
        return date.fromisoformat(answer)
    number = _number(application, question)
    if number is None:
        return None
    start = datetime.combine(lane.call.supply_from, time(), tzinfo=UTC)
    return months_later(start, min(max(0, number), FURTHEST), ZoneInfo("UTC")).date()
