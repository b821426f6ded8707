"""Playing one study: the twin as a child process, bounded, watched, and ended by its number.

- Bounded in time, CPU time, address space and the size of a file; at a lower priority than the hub.
- Watched: each beat tells the hub how far it is and hears whether the study is still wanted.
- Whatever ends this process ends the child: at its next line of progress nobody reads it any more,
  and its CPU time is bounded.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from pydantic import ValidationError

from dure.hub.studies.models import Study
from dure.hub.studies.queue import Played
from dure.hub.studies.twin_process import SCENARIO, TWIN, environment
from dure.protocol.study import PlayProgress, StudyResult
from dure.vocabulary.plans import Reason

BEAT_S: Final = 2.0
"""How soon a study that is cancelled stops (our choice)."""

GRACE_S: Final = 5.0
"""Between asking the child to end and ending it: it has nothing to save."""

NICER: Final = 10
"""Of nineteen: the portal and the steward come first, and yet it goes on."""

LARGEST_FILE: Final = 2 << 30
"""Bytes that one file of the child may have: a disk is not filled by a study."""

MOST_KEPT: Final = 64 << 20
"""Bytes of a study's files: reports of 0.2 MB each and the jobs of a small pool many times over.
The jobs of a national year are left out, and said to be."""

TAIL: Final = 40
"""Lines kept of what the child says beside its progress; the last of them say why it ended."""

LONGEST_SAID: Final = 2000
"""Characters of the twin's own words that a page shows."""

RESULT: Final = "result.json"
NEVER_RAN: Final = 2
"""Its exit status where a file cannot be read or a package is missing."""


class UnableToPlay(Exception):
    """The study cannot be played; `reason` is shown to who asked, `log` to who runs the hub."""

    def __init__(self, reason: Reason, log: str = "") -> None:
        super().__init__(reason.code)
        self.reason, self.log = reason, log


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that one study may take."""

    minutes: int
    memory_mib: int


@dataclass(slots=True)
class _Heard:
    """What the child said on stderr so far. `broke`: a traceback too, which only the log gets."""

    played: int = 0
    broke: bool = False
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))

    def listen(self, lines: IO[str]) -> None:
        for line in lines:
            try:
                self.played = PlayProgress.model_validate_json(line).played
            except ValidationError:
                self.broke = self.broke or line.startswith("Traceback")
                self.tail.append(line.rstrip())

    @property
    def said(self) -> str:
        return "\n".join(self.tail)[-LONGEST_SAID:]


Beat = Callable[[int], None]
"""Told how many days are played; raises to end the play."""


def play(study: Study, inputs: Sequence[tuple[str, bytes]], bounds: Bounds, beat: Beat) -> Played:
    """Plays the study to its end. Blocks, for as long as `bounds` allow.

    Raises UnableToPlay, and what `beat` raises; the child is gone in either case.
    """
    with tempfile.TemporaryDirectory(prefix="dure-study-") as folder:
        place = Path(folder)
        (place / SCENARIO).write_text(study.scenario, encoding="utf-8")
        for name, content in inputs:
            (place / name).write_bytes(content)
        out = place / "out"
        _run(_words(study), place, bounds, beat)
        return _gathered(out)


def _words(study: Study) -> list[str]:
    chosen = [word for policy in study.policies for word in ("--policy", policy)]
    seeds = ["--seeds", str(study.seeds)]
    return ["compare", SCENARIO, "--out", "out", "--json", "--progress", "json", *seeds, *chosen]


def _run(words: Sequence[str], place: Path, bounds: Bounds, beat: Beat) -> None:
    heard, child = _Heard(), _started(words, place, bounds)
    assert child.stderr is not None  # noqa: S101  # it was asked for
    listener = threading.Thread(target=heard.listen, args=(child.stderr,), daemon=True)
    listener.start()
    ends_at = time.monotonic() + bounds.minutes * 60
    try:
        while child.poll() is None:
            beat(heard.played)
            if time.monotonic() > ends_at:
                raise UnableToPlay(_out_of_time(bounds))
            _wait(child, BEAT_S)
    finally:
        _end(child)
        listener.join(GRACE_S)
        child.stderr.close()
    if child.returncode:
        raise _why(child.returncode, heard, bounds)


def _started(words: Sequence[str], place: Path, bounds: Bounds) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  # our own program; names and numbers checked before
        [*TWIN, *words],
        cwd=place,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        preexec_fn=_bound(bounds),  # noqa: PLW1509  # this process has no other thread yet
    )


def _wait(child: subprocess.Popen[str], most_s: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        child.wait(most_s)


def _bound(bounds: Bounds) -> Callable[[], None]:
    """Run in the child before its program: limits that it cannot lift again."""
    limits = (
        (resource.RLIMIT_AS, bounds.memory_mib << 20, 0),
        (resource.RLIMIT_CPU, bounds.minutes * 60, 1),  # SIGXCPU a second before SIGKILL
        (resource.RLIMIT_FSIZE, LARGEST_FILE, 0),
        (resource.RLIMIT_CORE, 0, 0),
    )

    def bind() -> None:
        os.nice(NICER)
        for what, most, more in limits:
            resource.setrlimit(what, (most, most + more))

    return bind


def _end(child: subprocess.Popen[str]) -> None:
    """By its number, with the group it leads: first asked, then ended. Gone already: nothing."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is None:
            os.killpg(child.pid, sign)
            _wait(child, GRACE_S)


def _out_of_time(bounds: Bounds) -> Reason:
    return Reason(code="study.out_of_time", params={"minutes": bounds.minutes})


def _why(status: int, heard: _Heard, bounds: Bounds) -> UnableToPlay:
    """What the end of a child means that did not do what it was asked."""
    said = heard.said
    if -status == signal.SIGXCPU:
        return UnableToPlay(_out_of_time(bounds), said)
    if -status == signal.SIGKILL or "MemoryError" in said or "LLVM ERROR" in said:
        params = {"mebibytes": bounds.memory_mib}
        return UnableToPlay(Reason(code="study.out_of_memory", params=params), said)
    if status == NEVER_RAN and "pip install" in said:
        return UnableToPlay(Reason(code="study.twin_missing"), said)
    if status in {1, NEVER_RAN} and not heard.broke:
        return UnableToPlay(Reason(code="study.refused", params={"said": said}))
    return UnableToPlay(Reason(code="study.broken", params={"status": status}), said)


def _gathered(out: Path) -> Played:
    """Its result and files, the reports first, as far as they may be kept."""
    result = StudyResult.model_validate_json((out / RESULT).read_text(encoding="utf-8"))
    kept: list[tuple[str, bytes]] = []
    left_out: list[str] = []
    room = MOST_KEPT
    for path in sorted(out.iterdir(), key=lambda one: (one.suffix == ".parquet", one.name)):
        size = path.stat().st_size
        if 0 < size <= room:
            kept.append((path.name, path.read_bytes()))
            room -= size
        else:
            left_out.append(path.name)
    shown = result.model_dump(mode="json", exclude={"comparison", "plays"})
    return Played(shown, tuple(kept), tuple(left_out))
