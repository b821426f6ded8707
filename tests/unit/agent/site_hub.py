"""A hub's site API in one file, for the agent's tests: a WSGI app over SQLite.

- Records are kept by natural key; one that comes twice with other content is a conflict, counted.
- It can be told to answer with an error, or to take a report and lose the receipt.
- Run as a program it serves one database file on one port, and is killed and started at will.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, ClassVar
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from dure.protocol import Credential, Desired, Enrolment, Receipt, Report

ONE_TIME = "one-time-token"
BEARER = "site-token"
CLUSTER = "here"

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
TITLES = {200: "OK", 304: "Not Modified", 401: "Unauthorized", 404: "Not Found", 409: "Conflict"}

SCHEMA = """
create table if not exists desired (id integer primary key check (id = 1), document text);
create table if not exists usage (job, attempt, start, content, times,
  primary key (job, attempt, start));
create table if not exists reports (sequence integer, arrived integer primary key autoincrement,
  content text);
create table if not exists conflicts (first, second);
"""


class SiteHub:
    """The app. `answer_with` is a status every site call gets; `lose_receipts` a countdown."""

    def __init__(self, database: Path | str = ":memory:") -> None:
        self.database = sqlite3.connect(database, check_same_thread=False, timeout=10)
        self.database.executescript("pragma journal_mode=wal;" + SCHEMA)
        self.lock = threading.Lock()
        self.answer_with: int | None = None
        self.lose_receipts = 0
        self.rotations = 0

    def want(self, desired: Desired) -> None:
        with self.lock, self.database:
            self.database.execute(
                "insert or replace into desired values (1, ?)", (desired.model_dump_json(),)
            )

    def reports(self) -> list[Report]:
        """Every report in the order it came, repeats included."""
        rows = self.database.execute("select content from reports order by arrived")
        return [Report.model_validate_json(row[0]) for row in rows]

    def usage(self) -> list[tuple[str, int, str, str, int]]:
        """(job, attempt, start, content, how often it came), each natural key once."""
        return list(self.database.execute("select * from usage order by job, attempt, start"))

    def conflicts(self) -> list[tuple[str, str]]:
        return list(self.database.execute("select * from conflicts"))

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        status, headers, content = self._answer(environ, body)
        kind = "application/json" if status < 400 else "application/problem+json"
        title = TITLES.get(status, "Trouble")
        start_response(
            f"{status} {title}",
            [("Content-Type", kind), ("Content-Length", str(len(content))), *headers],
        )
        return [content]

    def _answer(self, environ: Environ, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        path = environ["PATH_INFO"].removeprefix("/api/v1/site/")
        if self.answer_with is not None:
            return self.answer_with, [], problem("trouble", "the test says so")
        if path == "enrol":
            if Enrolment.model_validate_json(body).token != ONE_TIME:
                return 401, [], problem("token", "the token is unknown, used or expired")
            return 200, [], self._credential(BEARER)
        if environ.get("HTTP_AUTHORIZATION") not in self._bearers():
            return 401, [], problem("credential", "the credential is not known")
        if path == "desired":
            return self._desired(environ)
        if path == "reports":
            return self._take(Report.model_validate_json(body))
        if path == "credential":
            self.rotations += 1
            return 200, [], self._credential(f"{BEARER}-{self.rotations}")
        return 404, [], problem("path", path)

    def _bearers(self) -> set[str]:
        return {f"Bearer {BEARER}", *(f"Bearer {BEARER}-{n + 1}" for n in range(self.rotations))}

    def _credential(self, token: str) -> bytes:
        expires = datetime.now(UTC) + timedelta(days=90)
        return Credential(cluster=CLUSTER, token=token, expires=expires).model_dump_json().encode()

    def _desired(self, environ: Environ) -> tuple[int, list[tuple[str, str]], bytes]:
        wait_s = int(parse_qs(environ["QUERY_STRING"]).get("wait_s", ["0"])[0])
        until = time.monotonic() + wait_s
        while True:
            with self.lock:
                row = self.database.execute("select document from desired").fetchone()
            desired = (
                Desired.model_validate_json(row[0]) if row else Desired(cluster=CLUSTER, revision=0)
            )
            etag = f'"{desired.revision}"'
            if environ.get("HTTP_IF_NONE_MATCH") != etag:
                return 200, [("ETag", etag)], desired.model_dump_json().encode()
            if time.monotonic() >= until:
                return 304, [("ETag", etag)], b""
            time.sleep(0.02)

    def _take(self, report: Report) -> tuple[int, list[tuple[str, str]], bytes]:
        if report.cluster != CLUSTER:
            return 409, [], problem("cluster", f"this credential is not for {report.cluster}")
        with self.lock, self.database:
            new = sum(self._keep(record.model_dump_json()) for record in report.usage)
            self.database.execute(
                "insert into reports (sequence, content) values (?, ?)",
                (report.sequence, report.model_dump_json()),
            )
        if self.lose_receipts:
            self.lose_receipts -= 1
            return 502, [], problem("lost", "the receipt was lost on its way")
        receipt = Receipt(accepted=new, known=len(report.usage) - new)
        return 200, [], receipt.model_dump_json().encode()

    def _keep(self, content: str) -> bool:
        record = json.loads(content)
        key = (record["job"], record["attempt"], record["start"])
        row = self.database.execute(
            "select content from usage where job=? and attempt=? and start=?", key
        ).fetchone()
        if row is None:
            self.database.execute("insert into usage values (?, ?, ?, ?, 1)", (*key, content))
            return True
        if row[0] != content:
            self.database.execute("insert into conflicts values (?, ?)", (row[0], content))
        self.database.execute(
            "update usage set times = times + 1 where job=? and attempt=? and start=?", key
        )
        return False


def problem(kind: str, detail: str) -> bytes:
    return json.dumps({"type": kind, "title": kind.title(), "detail": detail}).encode()


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address: ClassVar[bool] = True  # type: ignore[misc]  # a class setting in practice


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base names it so
        pass


def _server(hub: SiteHub, port: int) -> WSGIServer:
    return make_server("127.0.0.1", port, hub, server_class=Server, handler_class=Quiet)


@contextmanager
def on_loopback() -> Iterator[tuple[SiteHub, str]]:
    """A hub that answers in a thread, and its address."""
    hub = SiteHub()
    server = _server(hub, 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        hub.database.close()


if __name__ == "__main__":
    _server(SiteHub(sys.argv[1]), int(sys.argv[2])).serve_forever()
