"""Marks that follow from what a test asks for, so that no tier of `run.py` misses it.

- A test that uses the hub's database is marked `database`: it runs on SQLite and on PostgreSQL.
- What has something real run beside it stands under contract/ or integration/, where the tiers look
  for it, or under browser/ or system/.
- A test under `browser/` is marked `browser`; one that uses the real Slurm is marked `slurm`.
- What a command sets for logging ends with the test that ran it.
- SQLite is a file here, as in an installation: one in memory locks other things in other ways.
- No example of a property has a deadline: two workers on two busy cores say nothing about speed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
import structlog
from django.db import connections
from hypothesis import settings
from tests.slurm_lab import empty, said_last, standing

from dure.cli.slurm_lab import Lab

TESTS: Final = Path(__file__).parent
RUNNING: Final = [TESTS / name for name in ("contract", "integration", "browser", "system")]
DATABASE_FIXTURES: Final = frozenset(
    {"db", "transactional_db", "django_db_reset_sequences", "django_db_setup", "live_server"}
)

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _uses_the_database(item):
            item.add_marker(pytest.mark.database)
        if "slurm_lab" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slurm)
        if item.path.is_relative_to(TESTS / "browser"):
            item.add_marker(pytest.mark.browser)
        if _runs_something(item) and not any(map(item.path.is_relative_to, RUNNING)):
            raise pytest.UsageError(f"{item.nodeid} belongs under contract/ or integration/")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.failed:
        given = getattr(item, "funcargs", {}).values()
        for lab in {one.root: one for one in given if isinstance(one, Lab)}.values():
            report.sections.append(("What Slurm said last", said_last(lab)))
    return report


def _runs_something(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("database", "processes", "slurm"))


def _uses_the_database(item: pytest.Item) -> bool:
    asked = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or bool(asked & DATABASE_FIXTURES)


@pytest.fixture(scope="session")
def slurm_lab() -> Iterator[Lab]:
    """A real Slurm of 8 nodes × 8, this worker's own for all of its tests."""
    with standing() as lab:
        yield lab


@pytest.fixture
def clean_slurm(slurm_lab: Lab) -> Iterator[Lab]:
    """The same, emptied of all that the test made when it has ended."""
    yield slurm_lab
    empty(slurm_lab)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()  # a logger kept writes to the stderr that its test had captured


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Called by pytest-django before it makes the test database."""
    connection = connections["default"]
    if connection.vendor == "sqlite":
        file = tmp_path_factory.mktemp("database") / "dure.sqlite3"
        connection.settings_dict["TEST"]["NAME"] = str(file)
