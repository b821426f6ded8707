"""Marks that follow from what a test asks for, so that no tier of `run.py` misses it.

- A test that uses the hub's database is marked `database`: it runs on SQLite and on PostgreSQL.
- A test under `browser/` is marked `browser`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
DATABASE_FIXTURES: Final = frozenset(
    {"db", "transactional_db", "django_db_reset_sequences", "django_db_setup", "live_server"}
)


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _uses_the_database(item):
            item.add_marker(pytest.mark.database)
        if item.path.is_relative_to(TESTS / "browser"):
            item.add_marker(pytest.mark.browser)


def _uses_the_database(item: pytest.Item) -> bool:
    asked = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or bool(asked & DATABASE_FIXTURES)
