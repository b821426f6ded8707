"""Asking a study, ending it, taking it away.

- A scenario is checked by the twin before it is queued; outside any transaction.
- A scenario names no file but the trace that came with it: no text in it leads out of the folder
  that it is played in.
- What is over changes no more. Kept for KEPT_FOR, then the worker takes it away with its files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import User
from dure.hub.studies import twin_process
from dure.hub.studies.models import OVER, Study
from dure.hub.studies.records import kept, tell
from dure.hub.studies.traces import Trace
from dure.protocol.study import FileProblem
from dure.vocabulary.yaml_document import Path as Place
from dure.vocabulary.yaml_document import read

LONGEST_SCENARIO: Final = 256 * 1024
"""Bytes of text. The whole programme of 2026 as it stands has 30,000."""

MOST_SEEDS: Final = 20
"""Beyond this a difference hardly becomes surer (our choice)."""

MOST_WAITING: Final = 20
"""Studies in the queue: a day's work of a machine, at an hour each."""

KEPT_FOR: Final = timedelta(days=180)
"""Two rounds of a half-year: who decided by a study can still show it (our choice)."""

_FRACTION: Final = re.compile(r"\s*\d+\s*/\s*\d+\s*")
_WORDS: Final = frozenset({"ko", "en", "schema", "source", "time_zone", "zone"})
"""Fields in which a slash is no path."""


class ScenarioRefused(ValueError):
    """The text is no scenario that can be played here. `problems` are in the order of its lines."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(written, problems)))


class QueueFull(Exception):
    """So many studies wait that another would wait for a day."""

    def __init__(self) -> None:
        super().__init__(f"{MOST_WAITING} studies wait already; ask again when one is played")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be played. Without `policies` or `seeds`: those of the scenario."""

    name: str
    scenario: str
    policies: tuple[str, ...] = ()
    seeds: int | None = None
    trace: Trace | None = None


def written(problem: FileProblem) -> str:
    """One problem, with its place, as a line."""
    place = f"{twin_process.SCENARIO}:{problem.line}" if problem.line else twin_process.SCENARIO
    field = f"{problem.field}: " if problem.field else ""
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{place}: {field}{problem.message}{hint}"


def ask_study(*, asked: Asked, by: User, now: datetime) -> Study:
    """Queues a study. Blocks for the seconds that the twin takes to check the scenario.

    Raises ScenarioRefused, QueueFull, TwinSilent.
    """
    require(by, Action.ASK_STUDY)
    if len(asked.scenario.encode()) > LONGEST_SCENARIO:
        raise _refused(f"the text is longer than {LONGEST_SCENARIO // 1024} KiB")
    strangers = list(_strangers(asked))
    if strangers:
        raise ScenarioRefused(strangers)
    found = twin_process.check(asked.scenario)
    if found.problems:
        raise ScenarioRefused(found.problems)
    seeds = asked.seeds or found.seeds
    if seeds > MOST_SEEDS:
        raise _refused(f"write at most {MOST_SEEDS} seeds", field="seeds")
    policies = tuple(dict.fromkeys(asked.policies)) or found.policies
    unknown = set(policies) - {one.id for one in twin_process.offer().policies}
    if unknown:
        raise _refused(f"there is no policy {min(unknown)!r}", field="policies")
    return _queue(asked, policies, seeds, found.days, by=by, now=now)


@transaction.atomic
def cancel_study(*, study: Study, by: User, now: datetime) -> Study:
    """Ends a study; its worker stops playing within seconds. One that is over stays as it is."""
    require(by, Action.ASK_STUDY)
    locked = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    if locked.is_over:
        return locked
    locked.state, locked.claim, locked.ended_at = Study.State.CANCELLED, "", now
    locked.save(update_fields=["state", "claim", "ended_at"])
    tell(locked, "study.cancelled", by, now)
    return locked


@transaction.atomic
def remove_study(*, study: Study, by: User, now: datetime) -> None:
    """Takes a study and its files away. Cannot be undone. One removed before: nothing."""
    require(by, Action.ASK_STUDY)
    _remove(study, by, now)


@transaction.atomic
def expire_studies(*, by: Actor, now: datetime) -> int:
    """Takes away what ended longer ago than KEPT_FOR; how many."""
    require(by, Action.ASK_STUDY)
    old = Study.objects.filter(state__in=OVER, ended_at__lt=now - KEPT_FOR)
    return sum(_remove(one, by, now) for one in old.only("pk", "name"))


@transaction.atomic
def _queue(
    asked: Asked, policies: tuple[str, ...], seeds: int, days: int, *, by: User, now: datetime
) -> Study:
    if Study.objects.filter(state=Study.State.QUEUED).count() >= MOST_WAITING:
        raise QueueFull
    study = Study.objects.create(
        name=asked.name,
        scenario=asked.scenario,
        policies=list(policies),
        seeds=seeds,
        days=days,
        asked_by=by,
        asked_at=now,
    )
    if asked.trace is not None:
        kept(study, asked.trace.name, asked.trace.content, is_input=True)
    tell(study, "study.asked", by, now, policies=list(policies), seeds=seeds)
    return study


def _remove(study: Study, by: Actor, now: datetime) -> bool:
    removed, _ = Study.objects.filter(pk=study.pk).delete()
    if removed:
        tell(study, "study.removed", by, now)
    return removed > 0


def _refused(message: str, *, field: str = "") -> ScenarioRefused:
    return ScenarioRefused([FileProblem(line=0, column=0, field=field, message=message)])


def _strangers(asked: Asked) -> Iterator[FileProblem]:
    """Every text of the scenario that names a file other than the trace that came with it."""
    document = read(asked.scenario)
    brought = asked.trace.name if asked.trace else None
    for path, text in _texts(document.data):
        if _leads_elsewhere(path, text, brought):
            place = document.place(path)
            yield FileProblem(
                line=place.line,
                column=place.column,
                field=".".join(map(str, path)),
                message=f"{text!r} is not the file that came with this study",
                hint=f"write {brought}" if brought else None,
            )


def _leads_elsewhere(path: Place, text: str, brought: str | None) -> bool:
    name = path[-1] if path else ""
    if name == "file":
        return text != brought
    if name in _WORDS:
        return False
    return ("/" in text or "\\" in text) and not _FRACTION.fullmatch(text)


def _texts(
    data: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _texts(value, (*path, str(key)))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _texts(value, (*path, index))
    elif isinstance(data, str):
        yield path, data
