"""The agent as a process: the site is tended whether or not the hub is there.

- Three threads with one duty each: one waits for the hub's word (long poll), one sends what is
  spooled, the main one tends the site. A hub that hangs never delays the site.
- The main one wakes when the desired state is new, when a failed change is worth another try, and
  at least every `tend_every_s`.
- While the hub is away each talk backs off, jittered, up to `longest_pause_s`.
- An unknown error ends one turn of one duty; it is logged whole and the duty goes on.
- SIGTERM and SIGINT end after the turn in hand; what was spooled is on the disk. Jobs run on.
"""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import FrameType
from typing import Final, TypeVar

import structlog

from dure.agent.loop import Agent, Exchange
from dure.agent.site import TEND_EVERY_S
from dure.agent.state import Health, StateFolder
from dure.client import HubAway
from dure.client.site import LONGEST_WAIT_S

Result = TypeVar("Result")

_log = structlog.get_logger("dure.agent")


BETWEEN_POLLS_S: Final = 0.5
"""A hub or proxy that answers a long poll at once must not be asked in a tight loop."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the agent does what."""

    tend_every_s: float = TEND_EVERY_S
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    wait_s: int = LONGEST_WAIT_S
    leave_within_s: float = 2.0


DEFAULT_PACE: Final = Pace()


class Runner:
    """Runs one agent until it is told to stop."""

    def __init__(
        self,
        *,
        agent: Agent,
        state: StateFolder,
        clock: Callable[[], datetime],
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        self._agent = agent
        self._state = state
        self._clock = clock
        self._pace = pace
        self._stopping = threading.Event()
        self._tend_now = threading.Event()
        self._send_now = threading.Event()
        self._talks: dict[str, Exchange] = {}
        self._problems: tuple[str, ...] = ()

    def stop(self) -> None:
        """Ends every duty after its turn."""
        self._stopping.set()
        self._tend_now.set()
        self._send_now.set()

    def run(self) -> None:
        """Blocks until `stop`."""
        duties = [
            threading.Thread(target=self._talk, args=("pull", self._pull), daemon=True),
            threading.Thread(target=self._talk, args=("send", self._send), daemon=True),
        ]
        self._send_now.set()  # an earlier life may have left reports
        for duty in duties:
            duty.start()
        while not self._stopping.is_set():
            self._tend_now.clear()
            pause_s = _guarded("tend", self._tend, otherwise=self._pace.tend_every_s)
            self._tend_now.wait(pause_s)
        for duty in duties:
            duty.join(self._pace.leave_within_s)  # one that waits for the hub ends with us
        _log.info("agent.stopped")

    def _tend(self) -> float:
        done = self._agent.tend()
        self._problems = done.problems
        if done.reconciled.changes or done.problems:
            _log.info(
                "site.tended", changes=len(done.reconciled.changes), problems=list(done.problems)
            )
        if done.spooled:
            self._send_now.set()
        self._note()
        soon = done.reconciled.try_again_soon
        return min(self._pace.tend_every_s, 1.0) if soon else self._pace.tend_every_s

    def _pull(self) -> Exchange:
        done = self._agent.pull(wait_s=self._pace.wait_s)
        if done.moved:
            self._tend_now.set()
        elif done.error is None:
            self._stopping.wait(BETWEEN_POLLS_S)
        return done

    def _send(self) -> Exchange:
        self._send_now.wait(self._pace.longest_pause_s)
        self._send_now.clear()
        return self._agent.send()

    def _talk(self, duty: str, turn: Callable[[], Exchange]) -> None:
        failures = 0
        while not self._stopping.is_set():
            done = _guarded(duty, turn, otherwise=None)
            if done is not None:
                self._say_what_changed(duty, done)
                self._talks[duty] = done
            if done is not None and done.error is None:
                failures = 0
                continue
            failures += 1
            self._stopping.wait(self._pause_s(failures))
            if duty == "send":
                self._send_now.set()

    def _pause_s(self, failures: int) -> float:
        longest = min(self._pace.longest_pause_s, self._pace.first_pause_s * 2 ** min(failures, 16))
        return random.uniform(longest / 2, longest)  # noqa: S311  # jitter, not a secret

    def _say_what_changed(self, duty: str, done: Exchange) -> None:
        before = self._talks.get(duty, Exchange())
        if done.error is not None and str(done.error) != str(before.error):
            log = _log.warning if done.hub_away else _log.error
            log("hub.trouble", duty=duty, why=str(done.error))
        if done.error is None and before.error is not None:
            _log.info("hub.back", duty=duty)

    def _note(self) -> None:
        errors = [done.error for done in self._talks.values() if done.error is not None]
        refused = [error for error in errors if not isinstance(error, HubAway)]
        self._state.keep_health(
            Health(
                at=self._clock(),
                hub="refused" if refused else "away" if errors else "reached",
                problems=(*self._problems, *map(str, errors)),
            )
        )


def _guarded(duty: str, turn: Callable[[], Result], *, otherwise: Result) -> Result:
    try:
        return turn()
    except Exception:  # noqa: BLE001  # ends one turn of one duty; logged whole
        _log.exception("duty.failed", duty=duty)
        return otherwise


@contextmanager
def stopped_by_signals(runner: Runner) -> Iterator[None]:
    """SIGTERM and SIGINT stop the runner inside the block."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        # In a thread: the interrupted one may hold the very lock that setting an event takes.
        threading.Thread(target=runner.stop).start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
