"""The worker: claims a study, plays it, claims the next. Level-triggered: it may end at any point.

- One process, one study at a time. Nothing is remembered between studies.
- Asked to end, it gives its study back; killed, its claim goes stale and the study is claimed anew.
- A database that is away for a while is waited for.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final

import structlog
from django.conf import settings
from django.db import OperationalError, close_old_connections

from dure.hub import clock
from dure.hub.studies import operations, queue
from dure.hub.studies.models import Study
from dure.hub.studies.playing import Bounds, UnableToPlay, play
from dure.hub.studies.queue import ClaimLost
from dure.vocabulary.plans import Reason

log = structlog.get_logger()

EVERY_S: Final = 2.0
"""How long a study waits for an idle worker (our choice)."""

TIDY_S: Final = 3600.0
"""How often what is too old is looked for: it is kept for half a year."""

AWAY_S: Final = 5.0
"""Between two tries while the database is away."""


class Ended(Exception):
    """The worker was asked to end."""


def work(*, once: bool = False, parent: int | None = None) -> int:
    """Plays what is queued, until asked to end; with `once` until nothing is due.

    With `parent` also until that process is gone. Returns how many studies were played.
    """
    previous = {sign: signal.signal(sign, _ask_to_end) for sign in (signal.SIGTERM, signal.SIGINT)}
    try:
        return _work(once=once, parent=parent)
    except Ended:
        return 0
    finally:
        for sign, handler in previous.items():
            signal.signal(sign, handler)


def _ask_to_end(_number: int, _frame: FrameType | None) -> None:
    raise Ended


def _work(*, once: bool, parent: int | None) -> int:
    played, tidied_at = 0, float("-inf")
    while parent is None or os.getppid() == parent:
        try:
            close_old_connections()
            if time.monotonic() - tidied_at > TIDY_S:
                operations.expire_studies(by=queue.WORKER, now=clock.now())
                tidied_at = time.monotonic()
            study = queue.claim(now=clock.now())
            if study is not None:
                _play(study, _alive(parent))
                played += 1
        except OperationalError:
            log.exception("studies.database_away")
            time.sleep(AWAY_S)
            continue
        if study is None:
            if once:
                break
            time.sleep(EVERY_S)
    return played


def _alive(parent: int | None) -> Callable[[], None]:
    def check() -> None:
        if parent is not None and os.getppid() != parent:
            raise Ended

    return check


def _play(study: Study, alive: Callable[[], None]) -> None:
    inputs = list(study.files.filter(is_input=True).values_list("name", "content"))
    bounds = Bounds(settings.DURE_STUDY_MINUTES, settings.DURE_STUDY_MEMORY_MIB)

    def beat(played_days: int) -> None:
        alive()
        queue.beat(study=study, played_days=played_days, now=clock.now())

    log.info("studies.started", study=study.pk, attempt=study.attempts)
    try:
        files = [(name, bytes(content)) for name, content in inputs]
        queue.finish(study=study, played=play(study, files, bounds, beat), now=clock.now())
    except UnableToPlay as unable:
        log.warning("studies.failed", study=study.pk, why=unable.reason.code, said=unable.log)
        _fail(study, unable.reason)
    except ClaimLost:
        log.info("studies.claim_lost", study=study.pk)
    except Ended:
        with suppress(ClaimLost):
            queue.give_back(study=study, now=clock.now())
        raise
    except OperationalError:
        raise  # the database is away: the claim goes stale, and the study is claimed anew
    except Exception:  # the unknown ends this study alone: logged whole, and its asker reads so
        log.exception("studies.broken", study=study.pk)
        _fail(study, Reason(code="study.broken", params={"status": 0}))
    else:
        log.info("studies.done", study=study.pk)


def _fail(study: Study, reason: Reason) -> None:
    """A study that was cancelled meanwhile has its end already."""
    with suppress(ClaimLost):
        queue.fail(study=study, reason=reason, now=clock.now())
