"""Every test tier, in order, each announced and timed: what `make test` runs.

- All tiers run, also after one has failed; the last line counts the tests of all of them.
- What a tier needs of the system is installed with apt-get when this runs as root; otherwise the
  command to run is printed and the tier is skipped, with its reason.
- The database and the secrets of the tests stand in a temporary folder, never in the checkout.
- Arguments go to pytest. Paths among them choose the tiers that hold them.
- What mostly waits (a real Slurm) runs beside what mostly computes.
- The twin's kernels are compiled before the first tier that computes: each worker would compile
  them for itself else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # started as a file, this finds only its own folder

from tests.newer_slurm import PROGRAMS, NotHere, programs_of  # noqa: E402  # see above
from tests.private_postgresql import ServerFailed, binaries, serving  # noqa: E402  # see above

from dure.cli.slurm_lab.packages import BROUGHT_BY, missing  # noqa: E402  # see above

WORKERS: Final = 2
"""The two cores that a small machine has; a third worker made nothing faster there."""

LABS: Final = 3
"""A real Slurm for each; they mostly wait for its timers."""

KERNELS: Final = (
    "tests/properties/test_fractions.py::test_a_part_goes_where_it_strands_nothing",
    "tests/properties/test_scheduling_kernel.py::test_only_empty_nodes_move_to_another_home",
)
"""What compiles each kernel of the twin, a minute of computing, and nothing more."""

NO_TESTS_CHOSEN: Final = 5
"""pytest's exit status when the arguments choose nothing."""

KEPT: Final = frozenset({"DURE_WRITE_GOLDEN"})
"""The one setting of ours that a caller may hand through: golden texts are written anew."""

SLURM: Final = tuple(sorted(set(BROUGHT_BY.values())))
"""The packages of a lab."""

NEWER: Final = "DURE_NEWER_SLURM"
"""Asks for the tiers on later versions: they fetch 37 MB each, and sid moves under our feet."""

RUNNING: Final = ("tests/contract", "tests/integration")
"""Where something real runs beside a test, as conftest sees to: to gather the rest takes time."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One kind of test. `needs`: Debian packages; `blocked`: whether sockets are refused; `beside`:
    it begins with the first tier and has ended before the next one in this order begins;
    `slurm_of`: Debian's suite whose Slurm it runs on; `asked_by`: the setting that asks for it.
    """

    name: str
    roots: tuple[str, ...]
    chosen: str = ""
    workers: int = 1
    needs: tuple[str, ...] = ()
    blocked: bool = False
    postgresql: bool = False
    beside: bool = False
    by_file: bool = False
    slurm_of: str = ""
    asked_by: str = ""


TIERS: Final = (
    Tier("hub on SQLite", RUNNING, "database and not processes and not slurm", workers=WORKERS),
    Tier(
        "hub on PostgreSQL",
        RUNNING,
        "database and not slurm",  # the hub that is killed too: what was written must be there
        workers=WORKERS,
        needs=("postgresql",),
        postgresql=True,
    ),
    Tier(
        "pure",
        (
            "tests/unit",
            "tests/properties",
            "tests/scenarios",
            "tests/contract",
            "tests/architecture",
            "tests/integration",
        ),
        "not processes and not database and not slurm",
        workers=WORKERS,
        blocked=True,
    ),
    Tier(
        "Slurm",
        RUNNING,
        "slurm",
        workers=LABS,
        needs=SLURM,
        beside=True,
        by_file=True,
    ),
    Tier(
        "Slurm, Debian 13",
        RUNNING,
        "any_slurm",
        workers=WORKERS,
        needs=SLURM,
        slurm_of="trixie",
        asked_by=NEWER,
    ),
    Tier(
        "Slurm, Debian sid",
        RUNNING,
        "any_slurm",
        workers=WORKERS,
        needs=SLURM,
        slurm_of="sid",
        asked_by=NEWER,
    ),
    Tier("processes", RUNNING, "processes and not slurm", workers=WORKERS, by_file=True),
    Tier("browser", ("tests/browser",), workers=WORKERS, needs=("chromium", "fonts-noto-cjk")),
    Tier("system", ("tests/system",), workers=WORKERS, by_file=True),
)


@dataclass(slots=True)
class Result:
    """How a tier went."""

    tier: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    why_not: str = ""


@dataclass(slots=True)
class Packages:
    """Debian packages that the tests need, and how they come onto this machine."""

    updated: bool = field(default=False, init=False)

    def missing(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if not _present(name)]

    def install(self, names: Sequence[str]) -> str:
        """Installs what is missing; returns why it could not, or nothing."""
        missing = self.missing(names)
        if not missing:
            return ""
        command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
        if os.geteuid() != 0:
            return f"{', '.join(missing)} missing; run: sudo {' '.join(command)}"
        if shutil.which("apt-get") is None:
            return f"{', '.join(missing)} missing, and this system has no apt-get"
        if not self.updated:
            _apt(["apt-get", "update"])
            self.updated = True
        say(f"installing {', '.join(missing)}")
        _apt(command)
        left = self.missing(names)
        return f"apt-get could not install {', '.join(left)}" if left else ""


def _apt(command: list[str]) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False)


def _present(package: str) -> bool:
    match package:
        case "chromium":
            return Path("/usr/bin/chromium").exists()
        case "postgresql":
            return binaries() is not None
        case "fonts-noto-cjk":
            return any(Path("/usr/share/fonts").rglob("NotoSansCJK*"))
    if package in BROUGHT_BY.values():
        return package not in missing()
    raise AssertionError(package)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The paths among the arguments, and the others."""
    paths = [a for a in arguments if (ROOT / a.split("::")[0]).exists()]
    return paths, [a for a in arguments if a not in paths]


def roots(tier: Tier, paths: Sequence[str]) -> list[str]:
    """Where the tier looks: its own roots, or the given paths that stand in one of them."""
    if not paths:
        return [root for root in tier.roots if any((ROOT / root).rglob("test_*.py"))]
    mine = [ROOT / root for root in tier.roots]
    return [path for path in paths if _within((ROOT / path.split("::")[0]).resolve(), mine)]


def _within(file: Path, folders: Sequence[Path]) -> bool:
    return any(file.is_relative_to(folder) for folder in folders)


def command(tier: Tier, where: Sequence[str], others: Sequence[str], report: Path) -> list[str]:
    """The pytest command of a tier."""
    made = [sys.executable, "-m", "pytest", "-q", "--durations=5", f"--junit-xml={report}"]
    if tier.chosen:
        made += ["-m", tier.chosen]
    if tier.workers > 1:
        made += ["-n", str(tier.workers), "--dist", "loadfile" if tier.by_file else "load"]
    if tier.blocked:
        made += ["--disable-socket", "--allow-unix-socket"]
    return [*made, *others, *where]


def counted(name: str, report: Path, status: int) -> Result:
    """What pytest's report says; a run that broke off without one is one failure."""
    result = Result(name)
    if report.exists():
        for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314  # our own file
            tests, result.skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
            result.failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
            result.passed = max(0, tests - result.skipped - result.failed)
    if status not in {0, NO_TESTS_CHOSEN} and not result.failed:
        result.failed = 1
    return result


@contextmanager
def database(tier: Tier) -> Iterator[dict[str, str]]:
    """The environment that leads the hub to the tier's database."""
    if not tier.postgresql:
        yield {}
        return
    programs = binaries()
    if programs is None:
        raise ServerFailed("no server binaries under /usr/lib/postgresql")
    say(f"a private PostgreSQL {programs.parent.name} from {programs}")
    with serving(programs) as url:
        yield {"DURE_DATABASE_URL": url}


def why_not(tier: Tier, given: Sequence[str], packages: Packages) -> str:
    """Why the tier cannot run, or nothing. Installs what it needs."""
    paths, _ = split(given)
    if not roots(tier, paths):
        return "no test of it was asked for" if paths else "no test yet"
    if tier.asked_by and tier.asked_by not in os.environ:
        return f"not asked for; {tier.asked_by}=1 make test runs it"
    if unable := packages.install(tier.needs):
        return unable
    try:
        _other_slurm(tier)
    except NotHere as error:
        return str(error)
    return ""


def run(tier: Tier, given: Sequence[str], home: Path) -> Result:
    """Runs one tier. What one beside others prints is printed when it has ended."""
    paths, others = split(given)
    where = roots(tier, paths)
    if not tier.beside:
        say(f"\n== {tier.name}")
    report = home / f"{tier.name.replace(' ', '-')}.xml"
    started = time.monotonic()
    try:
        with database(tier) as leading:
            done = subprocess.run(
                command(tier, where, others, report),
                cwd=ROOT,
                env={**_environment(home), **leading, **_other_slurm(tier)},
                stdout=subprocess.PIPE if tier.beside else None,
                stderr=subprocess.STDOUT if tier.beside else None,
                text=True,
                check=False,
            )
    except ServerFailed as error:
        say(f"PostgreSQL: {error}")
        return Result(tier.name, failed=1, seconds=time.monotonic() - started)
    if tier.beside:
        say(f"\n== {tier.name}\n{done.stdout}")
    result = counted(tier.name, report, done.returncode)
    result.seconds = time.monotonic() - started
    return result


def compile_kernels(given: Sequence[str], home: Path) -> None:
    """Fills the compiler's cache; whether its tests pass is seen when their tier runs."""
    if not split(given)[0]:
        say("compiling the twin's kernels")
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *KERNELS],
            cwd=ROOT,
            env=_environment(home),
            stdout=subprocess.DEVNULL,
            check=False,
        )


def _other_slurm(tier: Tier) -> dict[str, str]:
    """The environment that leads the labs to another Slurm. Raises NotHere."""
    return {PROGRAMS: str(programs_of(tier.slurm_of))} if tier.slurm_of else {}


def _environment(home: Path) -> dict[str, str]:
    """The caller's, with the hub's folder and database replaced by the tests' own."""
    ours = {"DURE_HOME": str(home / "dure"), "DURE_DEMO_HOME": str(home / "demo")}
    theirs = {k: v for k, v in os.environ.items() if not k.startswith("DURE_")}
    kept = {k: v for k, v in os.environ.items() if k in KEPT}
    return {**theirs, **kept, **ours}


def summary(results: Sequence[Result]) -> Iterator[str]:
    """The table and the closing line."""
    yield f"{'tier':20} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}"
    for one in results:
        counts = f"{one.passed:7} {one.failed:7} {one.skipped:8} {one.seconds:8.1f}"
        yield f"{one.tier:20} {counts}" if not one.why_not else f"{one.tier:20} {one.why_not}"
    passed, failed = sum(r.passed for r in results), sum(r.failed for r in results)
    skipped = sum(r.skipped for r in results)
    yield f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def main(given: Sequence[str]) -> int:
    """Runs all tiers; 1 where a test failed or, with nothing chosen away, none ran."""
    packages = Packages()
    unable = {tier.name: why_not(tier, given, packages) for tier in TIERS}
    able = [tier for tier in TIERS if not unable[tier.name]]
    with tempfile.TemporaryDirectory(prefix="dure-tests-") as folder, ThreadPoolExecutor() as aside:
        home = Path(folder)
        besides = {t.name: aside.submit(run, t, given, home) for t in able if t.beside}
        compile_kernels(given, home)
        results = [
            Result(tier.name, why_not=unable[tier.name])
            if unable[tier.name]
            else besides[tier.name].result()
            if tier.beside
            else run(tier, given, home)
            for tier in TIERS
        ]
    say("")
    for line in summary(results):
        say(line)
    ran = any(result.passed for result in results)
    return 1 if any(result.failed for result in results) or not ran else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
