"""A world that the operations made once is put back from its rows: making it takes a second.

- One for each maker and each process; only into a database that holds nobody yet, else it is made.
- What stood in a table before the maker ran (Django's own rows) is not touched.
- Rows are kept as the database writes them, so nothing is read into a value and written back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, TypeVar

from django.db import connection, transaction

from dure.hub.people.models import User

Made = TypeVar("Made")

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a maker wrote, by table, and how its result is found again."""

    tables: dict[str, Sequence[Row] | bytes]
    found: Callable[[], object]


_KEPT: Final[dict[tuple[str, str], _Rows]] = {}


def kept(name: str, make: Callable[[], Made], found: Callable[[Made], Callable[[], Made]]) -> Made:
    """What `make` makes; `found` says of it how it is found among its rows."""
    if User.objects.exists():
        return make()
    key = (connection.vendor, name)
    if key not in _KEPT:
        full = {table for table in _tables() if _holds_rows(table)}
        made = make()
        written = [table for table in _tables() if table not in full and _holds_rows(table)]
        _KEPT[key] = _Rows({table: _read(table) for table in written}, found(made))
        return made
    rows = _KEPT[key]
    with transaction.atomic():
        for table, content in rows.tables.items():
            _write(table, content)
    again: Made = rows.found()  # type: ignore[assignment]  # kept under this maker's name
    return again


def stage(
    found: Callable[[Made], Callable[[], Made]], told: Callable[[], str] = str
) -> Callable[[Callable[[], Made]], Callable[[], Made]]:
    """Keeps a stage of a world's life; `told` is what else it is made of, such as a file's text."""

    def keeps(make: Callable[[], Made]) -> Callable[[], Made]:
        @wraps(make)
        def made() -> Made:
            return kept(f"{make.__module__}.{make.__name__} {told()}", make, found)

        return made

    return keeps


def _tables() -> list[str]:
    return sorted(connection.introspection.table_names())


def _holds_rows(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {_quoted(table)} LIMIT 1")  # noqa: S608  # our own tables
        return cursor.fetchone() is not None


def _read(table: str) -> Sequence[Row] | bytes:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {_quoted(table)} TO STDOUT") as copy:
                return b"".join(bytes(part) for part in copy)
        described = connection.introspection.get_table_description(cursor, table)
        # A column by itself is converted to a Python value; an expression is as it was stored.
        stored = ", ".join(f"+{_quoted(column.name)}" for column in described)
        cursor.execute(f"SELECT {stored} FROM {_quoted(table)}")  # noqa: S608  # our own tables
        rows: Sequence[Row] = cursor.fetchall()
        return rows


def _write(table: str, content: Sequence[Row] | bytes) -> None:
    with connection.cursor() as cursor:
        if isinstance(content, bytes):
            with cursor.copy(f"COPY {_quoted(table)} FROM STDIN") as copy:
                copy.write(content)
            return
        places = ", ".join(["%s"] * len(content[0]))
        into = f"INSERT INTO {_quoted(table)} VALUES ({places})"  # noqa: S608  # our own tables
        cursor.executemany(into, content)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
