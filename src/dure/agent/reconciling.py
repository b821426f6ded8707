"""Making the engine agree with the desired document: read, diff, write, read back.

- Level-triggered: the whole difference each time, so a crash anywhere is mended by the next step.
- Failures are kept apart (`retry`, `final`, `unknown`); each stops one change and is reported as
  drift, and the others go on.
- Where a reduction failed, a guaranteed increase on its pool waits: the pool must not be promised
  twice while the old promise stands.
- What the engine says afterwards is the truth, not what the calls returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import structlog

from dure.agent import changes
from dure.agent.asking import asked
from dure.backends.contract import (
    AppliesTogether,
    Backend,
    Change,
    ChangeRefused,
    Maintains,
    Observed,
    UnableToApplyNow,
)
from dure.backends.reconcile import diff
from dure.protocol import Desired, Drift

Kind = Literal["retry", "final", "unknown"]

_log = structlog.get_logger("dure.agent")


@dataclass(frozen=True, slots=True)
class Failure:
    """One change that was not made, and whether trying again may help."""

    subject: str
    kind: Kind
    why: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a reconciliation did and what it left."""

    changes: tuple[Change, ...] = ()
    failures: tuple[Failure, ...] = ()
    drift: tuple[Drift, ...] = ()

    @property
    def try_again_soon(self) -> bool:
        """Whether something may work in a moment that did not work now."""
        return any(failure.kind == "retry" for failure in self.failures)


class EngineAway(Exception):
    """The engine could not even be read; nothing was changed."""


def reconcile(backend: Backend, desired: Desired) -> Reconciled:
    """One pass. Raises `EngineAway` where the engine cannot be read."""
    before = _observe(backend)
    planned = diff(desired, before)
    failures = tuple(_apply_all(backend, planned, before))
    after = _observe(backend) if planned else before
    whys = {failure.subject: failure.why for failure in failures}
    drift = tuple(
        Drift(
            subject=changes.subject(change),
            expected=changes.expected(change),
            found=_with_reason(changes.found(change, after), whys.get(changes.subject(change))),
        )
        for change in diff(desired, after)
    )
    kept = _maintained(backend, desired)
    return Reconciled(changes=planned, failures=failures, drift=(*drift, *kept))


def _maintained(backend: Backend, desired: Desired) -> tuple[Drift, ...]:
    """Maintenance and drains, where the engine can keep them; what of them does not stand."""
    if not isinstance(backend, Maintains):
        return ()
    about, problems = "maintenance and drains", list[str]()
    kept = asked(about, lambda: backend.maintain(desired.maintenance, desired.drains), problems)
    if kept is not None:
        return kept
    return (Drift(subject=about, expected="kept", found=problems[0].removeprefix(f"{about}: ")),)


def _observe(backend: Backend) -> Observed:
    problems: list[str] = []
    found = asked("engine", backend.observed, problems)
    if found is None:
        raise EngineAway(problems[0].removeprefix("engine: "))
    return found


def _apply_all(backend: Backend, planned: tuple[Change, ...], before: Observed) -> list[Failure]:
    if isinstance(backend, AppliesTogether):
        return _apply_together(backend, planned)
    failures: list[Failure] = []
    still_promised: set[str | None] = set()
    for change in planned:
        more = changes.promises_more(change, before)
        if more and changes.pool(change) in still_promised:
            why = "waits for a reduction on this pool that was not possible yet"
            failures.append(Failure(changes.subject(change), "retry", why))
            continue
        error = _error_of(backend, change)
        if error is not None:
            failures.append(_failure(change, error))
            if not more:
                still_promised.add(changes.pool(change))
    return failures


def _apply_together(backend: AppliesTogether, planned: tuple[Change, ...]) -> list[Failure]:
    """The engine itself makes no increase before its reductions are in force."""
    try:
        errors = backend.apply_together(planned) if planned else ()
    except Exception as error:  # noqa: BLE001  # stops this pass only; logged and reported
        errors = (error,) * len(planned)
    return [
        _failure(change, error)
        for change, error in zip(planned, errors, strict=True)
        if error is not None
    ]


def _error_of(backend: Backend, change: Change) -> Exception | None:
    try:
        backend.apply(change)
    except Exception as error:  # noqa: BLE001  # stops this change only; logged and reported
        return error
    return None


def _failure(change: Change, error: Exception) -> Failure:
    about = changes.subject(change)
    if isinstance(error, UnableToApplyNow):
        return Failure(about, "retry", str(error))
    if isinstance(error, ChangeRefused):
        return Failure(about, "final", str(error))
    _log.error("change.failed", subject=about, exc_info=error)
    return Failure(about, "unknown", f"{type(error).__name__}: {error}")


def _with_reason(state: str, why: str | None) -> str:
    return state if why is None else f"{state} ({why})"
