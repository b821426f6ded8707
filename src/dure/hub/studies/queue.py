"""The queue, as the worker sees it: state in the database, and a claim that guards every write.

- One study is played at a time, however many workers there are: their machine is the hub's too.
- A worker that is silent for STALE_AFTER has lost its claim: the study is claimed again, by whoever
  comes next. After MOST_ATTEMPTS it has failed: it may be what ends its workers.
- A late worker writes nothing: each write asks for the claim that it was given.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from dure.hub.notices import operations as notices
from dure.hub.people.gate import Steward
from dure.hub.studies.models import OVER, Study
from dure.hub.studies.records import kept, tell
from dure.vocabulary.plans import Reason

WORKER: Final = Steward("study-worker")

STALE_AFTER: Final = timedelta(seconds=60)
"""Thirty heartbeats: a machine under load, or a database that was restarted, takes less."""

MOST_ATTEMPTS: Final = 2
"""A worker may be ended by a restart of its machine once; twice in one study is the study."""


class ClaimLost(Exception):
    """The study is no longer this worker's: it was cancelled, or another has claimed it."""


@dataclass(frozen=True, slots=True)
class Played:
    """What playing came to. `files`: (name, content); `left_out`: names of files too large."""

    result: dict[str, object]
    files: tuple[tuple[str, bytes], ...]
    left_out: tuple[str, ...] = ()


@transaction.atomic
def claim(*, now: datetime) -> Study | None:
    """The study to play now: one that lost its worker, else the first queued. None: nothing is due.

    Ends, with its reason, what has lost its worker too often.
    """
    held = _held()
    for study in held:
        if study.state == Study.State.QUEUED:
            continue
        if now - (study.heartbeat_at or now) < STALE_AFTER:
            return None
        if study.attempts >= MOST_ATTEMPTS:
            lost = Reason(code="study.worker_lost", params={"times": study.attempts})
            _end(study, Study.State.FAILED, now, failure=lost.model_dump(mode="json"))
    due = sorted((one for one in held if not one.is_over), key=_turn)
    if not due:
        return None
    study = due[0]
    study.state, study.claim = Study.State.RUNNING, secrets.token_hex(16)
    study.attempts += 1
    study.started_at = study.heartbeat_at = now
    study.played_days = 0
    study.save()
    tell(study, "study.started", WORKER, now, attempt=study.attempts)
    return study


def beat(*, study: Study, played_days: int, now: datetime) -> None:
    """The worker lives, and has played so far. Raises ClaimLost."""
    mine = Study.objects.filter(pk=study.pk, claim=study.claim)
    if not mine.update(heartbeat_at=now, played_days=played_days):
        raise ClaimLost


@transaction.atomic
def finish(*, study: Study, played: Played, now: datetime) -> None:
    """Keeps what playing came to, and tells who asked. Raises ClaimLost."""
    mine = _mine(study)
    for name, content in played.files:
        kept(mine, name, content, is_input=False)
    mine.played_days, mine.left_out = mine.all_days, list(played.left_out)
    _end(mine, Study.State.DONE, now, result=played.result)


@transaction.atomic
def fail(*, study: Study, reason: Reason, now: datetime) -> None:
    """Ends the study with the reason why it could not be played. Raises ClaimLost."""
    _end(_mine(study), Study.State.FAILED, now, failure=reason.model_dump(mode="json"))


@transaction.atomic
def give_back(*, study: Study, now: datetime) -> None:
    """The worker is asked to end: the study waits again, as if never begun. Raises ClaimLost."""
    mine = _mine(study)
    mine.state, mine.claim, mine.played_days = Study.State.QUEUED, "", 0
    mine.heartbeat_at = mine.started_at = None
    mine.attempts -= 1
    mine.save()
    tell(mine, "study.given_back", WORKER, now)


def _held() -> list[Study]:
    """All that is not over, locked: whoever claims at the same time waits, and then sees it
    running. At most the length of the queue, and one more."""
    found = Study.objects.exclude(state__in=OVER).defer("scenario")
    return list(found.select_for_update(no_key=True).order_by("pk"))


def _turn(study: Study) -> tuple[bool, int]:
    return (study.state == Study.State.QUEUED, study.pk)


def _mine(study: Study) -> Study:
    held = Study.objects.select_for_update(no_key=True)
    found = held.filter(pk=study.pk, claim=study.claim).first()
    if found is None:
        raise ClaimLost
    return found


def _end(study: Study, state: Study.State, now: datetime, **came_to: object) -> None:
    """To a state that nothing leads out of; `came_to` is its result or its failure."""
    study.state, study.claim, study.ended_at = state, "", now
    for name, value in came_to.items():
        setattr(study, name, value)
    study.save()
    tell(study, f"study.{state}", WORKER, now)
    code = "study.done" if state == Study.State.DONE else "study.ended"
    notices.tell(
        people=[study.asked_by],
        subject=study.name,
        reason=Reason(code=code, params={"name": study.name}),
        now=now,
    )
