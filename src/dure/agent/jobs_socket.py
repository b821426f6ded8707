"""Where a running agent takes jobs for an engine that has no command of its own.

- A Unix socket in the state folder, reachable by the folder's owner only; no port is opened.
- One question and one answer a connection, each a line of JSON. A job's id is answered only after
  the engine has it durably; a refusal says why.
- The socket holds nothing: where no agent runs, asking is a named error, and nothing is queued
  where nobody would look at it.
- Bound and reached through the folder's descriptor: socket paths end at 107 bytes, folders do not.
"""

from __future__ import annotations

import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

import structlog
from pydantic import Field, TypeAdapter, ValidationError

from dure.backends.contract import JobQueue, JobRefused, JobRequest, JobStatus, UnknownJob
from dure.vocabulary.frozen import Frozen

NAME: Final = "jobs.socket"
LONGEST_LINE: Final = 2**20
ANSWER_WITHIN_S: Final = 30.0

_log = structlog.get_logger("dure.agent")


class Submit(Frozen):
    """Take this job."""

    ask: Literal["submit"] = "submit"
    request: JobRequest


class Cancel(Frozen):
    """End this job."""

    ask: Literal["cancel"] = "cancel"
    job: str


class ListJobs(Frozen):
    """Say all jobs."""

    ask: Literal["jobs"] = "jobs"


class Answer(Frozen):
    """What was asked for, or why not."""

    job: str | None = None
    jobs: tuple[JobStatus, ...] = ()
    refused: str | None = None


Question = Submit | Cancel | ListJobs
_QUESTION: Final[TypeAdapter[Question]] = TypeAdapter(
    Annotated[Question, Field(discriminator="ask")]
)


class NoAgent(Exception):
    """No running agent answers on this state folder."""


class JobNotTaken(Exception):
    """The engine refused; the message says why."""


@contextmanager
def serving(queue: JobQueue, folder: Path) -> Iterator[None]:
    """Answers in threads of its own until the block ends."""

    class Handler(socketserver.StreamRequestHandler):
        timeout = ANSWER_WITHIN_S

        def handle(self) -> None:
            answer = _answer(queue, self.rfile.readline(LONGEST_LINE))
            self.wfile.write(answer.model_dump_json().encode() + b"\n")

    (folder / NAME).unlink(missing_ok=True)  # of an agent that was killed; ours is the lock now
    with _folder(folder) as place, _Server(place, Handler) as server:
        (folder / NAME).chmod(0o600)
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="jobs")
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            (folder / NAME).unlink(missing_ok=True)


def ask(folder: Path, question: Question) -> Answer:
    """The running agent's answer. Raises `NoAgent` or `JobNotTaken`."""
    try:
        with _folder(folder) as place, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_WITHIN_S)
            connection.connect(place)
            connection.sendall(question.model_dump_json().encode() + b"\n")
            line = connection.makefile("rb").readline()
    except TimeoutError as error:
        msg = f"the agent on {folder} did not answer within {ANSWER_WITHIN_S:.0f} s; see its log"
        raise NoAgent(msg) from error
    except OSError as error:
        msg = f"no agent runs on {folder}; start it with `dure agent run --state {folder}`"
        raise NoAgent(msg) from error
    if not line:
        msg = "the agent stopped before it answered; see `dure agent jobs` before you try again"
        raise NoAgent(msg)
    answer = Answer.model_validate_json(line)
    if answer.refused is not None:
        raise JobNotTaken(answer.refused)
    return answer


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def _folder(folder: Path) -> Iterator[str]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def _answer(queue: JobQueue, line: bytes) -> Answer:
    try:
        question = _QUESTION.validate_json(line)
    except ValidationError as error:
        return Answer(refused=f"the question is not understood: {error.errors()[0]['msg']}")
    try:
        return _carry_out(queue, question)
    except JobRefused as refusal:
        return Answer(refused=str(refusal))
    except UnknownJob as unknown:
        return Answer(refused=f"there is no job {unknown.args[0]}; see `dure agent jobs`")
    except Exception as error:  # noqa: BLE001  # the unknown ends one question; logged whole
        _log.exception("job.question_failed", ask=question.ask)
        return Answer(refused=f"the engine failed: {type(error).__name__}: {error}")


def _carry_out(queue: JobQueue, question: Question) -> Answer:
    match question:
        case Submit(request=request):
            return Answer(job=queue.submit(request))
        case Cancel(job=job):
            queue.cancel(job)
            return Answer(job=job)
        case ListJobs():
            return Answer(jobs=queue.jobs())
