"""Every list page and each role's first page at 1,000 projects and 5,000 allocations.

- A fresh SQLite file, the world of the tests made large: 1,000 applications with their outcomes and
  projects, five allocations each with a deposit in the ledger and two usage segments, 5,000 more
  events, 1,000 notices of one person, 45 reviews of one reviewer, 100 published models.
- The rows are made in a process of its own: this one holds no more than a server's does.
- Server CPU is this process's, through Django's test client: middleware, session, view, template.
  Queries are counted in a request of their own, as counting costs time.
- Beside it, on the same rows and templates: the list of allocations as one writes it first, each
  row fetching its project, organisation and pool (ways that ship in portals of the field).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

from bench.report import Result, at_most, compared, measure, show, write

PROJECTS, PER_PROJECT = 1_000, 5
REPEATS = 20
QUERIES, CPU_MS = 12, 20.0
HOW = f"make bench-pages; SQLite, test client, median CPU of {REPEATS} requests after two"


@dataclass(frozen=True, slots=True)
class Page:
    """What one page cost."""

    role: str
    address: str
    status: int
    queries: int
    cpu_ms: float
    least_ms: float
    size_kb: float


def hub(home: Path) -> None:
    """Django on a fresh database in `home`; nothing of the hub is imported before."""
    os.environ["DURE_HOME"] = str(home)
    os.environ.pop("DURE_DATABASE_URL", None)
    os.environ["DJANGO_SETTINGS_MODULE"] = "dure.hub.settings"
    import django  # noqa: PLC0415  # after its environment

    django.setup()


def seed(home: Path) -> None:
    """Fills the database in `home`; to be called in a process of its own."""
    hub(home)
    from django.conf import settings  # noqa: PLC0415  # after setup
    from django.core.management import call_command  # noqa: PLC0415

    # The strength of passwords is not what is measured.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("migrate", verbosity=0)
    from bench import large_world  # noqa: PLC0415  # its models need Django

    large_world.make(projects=PROJECTS, per_project=PER_PROJECT)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as folder:
        subprocess.run([sys.executable, "-m", "bench.pages", "seed", folder], check=True)
        hub(Path(folder))
        from bench import large_world  # noqa: PLC0415  # after setup

        large_world.rehearse()
        pages = [look(role, name, path) for role, name, path in large_world.addresses()]
        plain = row_by_row()
    heads = ("role", "page", "status", "queries", "CPU ms", "least", "kB")
    found = [*pages, replace(plain, role="row by row, each fetching its own")]
    rows = [
        (p.role, p.address, p.status, p.queries, p.cpu_ms, p.least_ms, p.size_kb) for p in found
    ]
    show(f"{PROJECTS:,} projects, {PROJECTS * PER_PROJECT:,} allocations", heads, rows)
    write("pages", results(pages, plain))


def look(role: str, username: str, address: str) -> Page:
    """Queries and CPU of one address for one person (no name is a visitor)."""
    from django.db import connection  # noqa: PLC0415  # after setup
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from dure.hub.people.models import User  # noqa: PLC0415

    client = Client(headers={"accept-language": "ko"}, SERVER_NAME="localhost")
    if username:
        client.force_login(User.objects.get(username=username))
    for _ in range(2):
        client.get(address)
    with CaptureQueriesContext(connection) as counted:
        response = client.get(address)
    queries = len(counted)  # asked now: the next request forgets them
    _, spent = measure(partial(client.get, address), repeats=REPEATS)
    return Page(
        role=role,
        address=address,
        status=response.status_code,
        queries=queries,
        cpu_ms=1000 * spent.cpu_s,
        least_ms=1000 * spent.least_cpu_s,
        size_kb=len(response.content) / 1000,
    )


def row_by_row() -> Page:
    """The same list, written without a thought of what a row fetches."""
    from dure.hub.allocations import queries  # noqa: PLC0415  # after setup
    from dure.hub.allocations.models import Allocation  # noqa: PLC0415

    def plainly(**_: object) -> object:
        return Allocation.objects.order_by("-pk")

    with patch.object(queries, "allocations", plainly):
        return look("operator", "operator", "/allocations/")


def results(pages: list[Page], plain: Page) -> list[Result]:
    broken = [f"{p.role} {p.address}" for p in pages if p.status != 200]
    if broken:
        raise RuntimeError(f"these pages did not answer: {', '.join(broken)}")
    most = max(pages, key=lambda p: p.queries)
    slowest = max(pages, key=lambda p: p.cpu_ms)
    same = next(p for p in pages if (p.role, p.address) == ("operator", plain.address))
    found = [
        at_most(
            f"queries of any page (most: {most.role} {most.address})",
            most.queries,
            "queries",
            bound=QUERIES,
            how=HOW,
        ),
        at_most(
            f"server CPU of any page (most: {slowest.role} {slowest.address})",
            slowest.cpu_ms,
            "ms",
            bound=CPU_MS,
            how=HOW,
        ),
        compared(
            "server CPU, median page", statistics.median(p.cpu_ms for p in pages), "ms", how=HOW
        ),
        compared(
            "row by row: queries of the allocations", plain.queries / same.queries, "times", how=HOW
        ),
        compared(
            "row by row: CPU of the allocations", plain.cpu_ms / same.cpu_ms, "times", how=HOW
        ),
    ]
    over = [p for p in pages if p.queries > QUERIES or p.cpu_ms > CPU_MS]
    return found + [
        at_most(f"over a bar: {p.role} {p.address}", p.cpu_ms, "ms", bound=CPU_MS, how=HOW)
        for p in over
        if p is not slowest
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["seed"]:
        seed(Path(sys.argv[2]))
    else:
        main()
