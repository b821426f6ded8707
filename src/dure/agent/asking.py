"""A question to the engine that may fail without keeping anything else from being said.

- Known trouble (`UnableToApplyNow`) and trouble that nobody foresaw end alike: no answer, and a
  problem in words. The second is logged whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

from dure.backends.contract import UnableToApplyNow

_log = structlog.get_logger("dure.agent")

Answer = TypeVar("Answer")


def asked(about: str, question: Callable[[], Answer], problems: list[str]) -> Answer | None:
    """The answer; None, and a line more in `problems`, where there is none."""
    try:
        return question()
    except UnableToApplyNow as error:
        why = str(error)
        _log.warning("engine.no_answer", about=about, why=why)
    except Exception as error:  # noqa: BLE001  # costs this answer only; logged and reported
        why = f"{type(error).__name__}: {error}"
        _log.exception("engine.question_failed", about=about)
    problems.append(f"{about}: {why}")
    return None
