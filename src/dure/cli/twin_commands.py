"""`dure twin`: play a scenario, compare policies, read a centre's own records.

- Exit 0: done. Exit 1: the scenario, the trace or the play has a problem, said with file and line.
  Exit 2: a file cannot be read, an option is not right, or the extra `twin` is not installed.
- Results go to stdout, progress to stderr and only to a terminal.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Column, Table

from dure.cli import twin_tables
from dure.cli.api_door import wide_console
from dure.cli.programme_library import ProgrammeNotFoundError, load_programme
from dure.cli.terminal import Language, language
from dure.cli.twin_progress import Progressing, told_as
from dure.vocabulary.programme_file import ProgrammeFileError

if TYPE_CHECKING:
    from dure.twin.scenario import Scenario
    from dure.twin.study import Study
    from dure.twin.words import Say

PROBLEMS: Final = 1
UNREADABLE: Final = 2
NEEDED: Final = ("numba", "numpy", "ortools", "pyarrow", "matplotlib")

app = typer.Typer(
    help="Play a year of a programme: compare policies before they touch anybody's work.",
    no_args_is_help=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
ScenarioName = Annotated[
    str,
    typer.Argument(
        help="A scenario file, or the name of a shipped one: small-pool, national-year."
    ),
]
Policies = Annotated[
    list[str] | None,
    typer.Option("--policy", help="Only this policy; once for each.", show_default="the file's"),
]
Seeds = Annotated[
    int | None,
    typer.Option(min=1, max=1000, help="How many seeds.", show_default="the file's"),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for the report, the result as JSON and the Parquet files."),
]
Told = Annotated[
    Progressing,
    typer.Option("--progress", help="How progress is told on stderr: to a person or a program."),
]

Accounts = Annotated[
    bool | None,
    typer.Option(
        "--accounts/--no-accounts",
        help="Let metering count where every accelerator-hour went, by month.",
        show_default="where a play is small; a million jobs take it half a minute or more",
    ),
]


@app.command()
def run(
    scenario: ScenarioName,
    *,
    policy: Policies = None,
    seeds: Seeds = None,
    out: Out = None,
    accounts: Accounts = None,
    progress: Told = "bar",
    as_json: AsJson = False,
) -> None:
    """Play a scenario and print what each policy comes to."""
    study = _studied(scenario, policy, seeds, out, accounts=accounts, progress=progress)
    if as_json:
        typer.echo(json.dumps(_written(study), ensure_ascii=False))
    else:
        say = _speaker()
        for told in (
            twin_tables.plays,
            twin_tables.months,
            twin_tables.notes,
            twin_tables.deciding,
        ):
            told(study, say)


@app.command()
def compare(
    scenario: ScenarioName,
    *,
    policy: Policies = None,
    seeds: Seeds = None,
    out: Out = None,
    accounts: Accounts = None,
    progress: Told = "bar",
    as_json: AsJson = False,
) -> None:
    """Play a scenario under several policies and print the differences with their uncertainty."""
    study = _studied(scenario, policy, seeds, out, accounts=accounts, progress=progress)
    if as_json:
        typer.echo(study.comparison.model_dump_json())
    else:
        say = _speaker()
        for told in (twin_tables.comparison, twin_tables.notes, twin_tables.answer):
            told(study, say)


@app.command(name="list")
def offered(*, as_json: AsJson = False) -> None:
    """List the shipped scenarios and the policies."""
    _require_extra()
    from dure.twin import summary  # noqa: PLC0415  # needs the extra

    found = summary.offer()
    if as_json:
        typer.echo(found.model_dump_json())
        return
    scenarios = Table("Scenario", "What it plays", Column("Days", justify="right"))
    for one in found.scenarios:
        scenarios.add_row(one.id, one.name.en, str(one.days))
    policies = Table("Policy", "What it does")
    for policy in found.policies:
        policies.add_row(policy.id, policy.says)
    for table in (scenarios, policies):
        wide_console().print(table)


@app.command()
def check(scenario: ScenarioName, *, as_json: AsJson = False) -> None:
    """Say what is wrong with a scenario file, and play nothing. Its trace is not read."""
    _require_extra()
    from dure.twin import scenario_file, summary  # noqa: PLC0415  # needs the extra

    with _asking(scenario):
        try:
            found = summary.checked(scenario, programmes=load_programme)
        except scenario_file.ScenarioNotFoundError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(UNREADABLE) from None
        except (ProgrammeNotFoundError, ProgrammeFileError) as error:
            found = summary.refused(str(error), field="supply.programme")
    if as_json:
        typer.echo(found.model_dump_json())
    else:
        for one in found.problems:
            hint = f" ({one.hint})" if one.hint else ""
            where = ": ".join(filter(None, (f"{scenario}:{one.line}", one.field)))
            where = where if one.line else scenario
            typer.echo(f"{where}: {one.message}{hint}", err=True)
        if not found.problems:
            typer.echo(f"{scenario} can be played: {found.days} days, {found.seeds} seeds.")
    if found.problems:
        raise typer.Exit(PROBLEMS)


@app.command(name="import")
def import_records(
    sacct: Annotated[Path, typer.Argument(help="What `sacct -P` printed, or a trace file.")],
    *,
    to: Annotated[Path, typer.Option(help="The trace to write: .csv, .csv.gz or .parquet.")],
    zone: Annotated[
        str | None, typer.Option(help="Time zone of the records' times, such as Asia/Seoul.")
    ] = None,
    tolerate: Annotated[
        int, typer.Option(min=0, help="So many broken rows may be left out; each is listed.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Read a centre's own records into a trace that scenarios can play."""
    _require_extra()
    from dure.twin import workload  # noqa: PLC0415  # needs the extra `twin`

    if not to.name.endswith((".csv", ".csv.gz", ".parquet")):
        raise typer.BadParameter(
            f"{to}: end the name in .csv, .csv.gz or .parquet", param_hint="--to"
        )
    if to.exists() and sacct.exists() and to.samefile(sacct):
        raise typer.BadParameter(f"{to}: these are the records; name another", param_hint="--to")
    with _asking(sacct):
        try:
            loaded = workload.read(sacct, zone=zone, tolerate=tolerate)
        except workload.UnableToReadTrace as error:
            typer.echo(str(error), err=True)
            if broken := sum(error.dropped.values()):
                typer.echo(
                    "Nothing was written. Correct these rows, or leave them out with"
                    f" --tolerate {broken}.",
                    err=True,
                )
            raise typer.Exit(PROBLEMS) from None
    with _asking(to):
        workload.write(loaded.trace, to)
    kept = loaded.provenance
    if as_json:
        said = {"rows": kept.rows, "kept": kept.kept, "dropped": kept.dropped}
        typer.echo(json.dumps({**said, "set_aside": kept.set_aside, "to": str(to)}))
        return
    for line in kept.lines():
        typer.echo(line)
    typer.echo(f"{kept.kept} jobs written to {to}")


def _speaker() -> Say:
    from dure.twin.words import speaker  # noqa: PLC0415  # needs the extra

    return speaker(language(None, os.environ))


def _require_extra() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        typer.echo(f"The twin needs {', '.join(missing)}: pip install 'dure[twin]'.", err=True)
        raise typer.Exit(UNREADABLE)


def _refuse(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(PROBLEMS)


@contextmanager
def _asking(path: object) -> Iterator[None]:
    """What the system refuses, with the file it is about."""
    try:
        yield
    except UnicodeDecodeError:
        typer.echo(f"{path}: this is not text in UTF-8", err=True)
        raise typer.Exit(UNREADABLE) from None
    except OSError as error:
        said = error.strerror or error
        typer.echo(f"{error.filename or path}: {said}", err=True)
        raise typer.Exit(UNREADABLE) from None


def _studied(
    name: str,
    policy: list[str] | None,
    seeds: int | None,
    out: Path | None,
    *,
    accounts: bool | None,
    progress: Progressing,
) -> Study:
    """The whole study; otherwise says what is wrong and ends."""
    _require_extra()
    from dure.twin import scenario_file, setting, study, workload  # noqa: PLC0415  # needs the extra
    from dure.twin.control import PlanRefused  # noqa: PLC0415  # needs the extra
    from dure.twin.metrics import UnableToAccount  # noqa: PLC0415  # needs the extra
    from dure.twin.policies import POLICIES  # noqa: PLC0415  # needs the extra

    unknown = sorted(set(policy or ()) - set(POLICIES))
    if unknown:
        said = f"there is no policy {unknown[0]!r}; known: {', '.join(POLICIES)}"
        raise typer.BadParameter(said, param_hint="--policy")
    problems = (
        scenario_file.ScenarioFileError,
        ProgrammeFileError,
        setting.UnableToSet,
        workload.UnableToReadTrace,
        workload.UnableToGenerate,
        PlanRefused,
        UnableToAccount,
    )
    with _asking(name):
        try:
            scenario, folder = scenario_file.load_scenario(name)
            plays = _plays(scenario, policy, seeds)
            with told_as(progress, plays * scenario.days) as told:
                made = study.conduct(
                    scenario,
                    folder=folder,
                    programmes=load_programme,
                    policies=tuple(dict.fromkeys(policy or ())),
                    seeds=seeds,
                    keep=out,
                    count_months=accounts,
                    told=told,
                )
            if out is not None:
                _keep_report(made, out)
        except (scenario_file.ScenarioNotFoundError, ProgrammeNotFoundError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(UNREADABLE) from None
        except problems as error:
            _refuse(str(error))
    return made


def _keep_report(study: Study, folder: Path) -> None:
    from dure.twin import report, summary  # noqa: PLC0415  # needs the extra

    languages: tuple[Language, ...] = ("ko", "en")
    for spoken in languages:
        path = folder / f"report-{spoken}.html"
        path.write_text(report.html(study, spoken), encoding="utf-8")
        typer.echo(f"{path}", err=True)
    written = summary.result(study).model_dump_json()
    (folder / "result.json").write_text(written, encoding="utf-8")


def _plays(scenario: Scenario, policy: list[str] | None, seeds: int | None) -> int:
    return len(dict.fromkeys(policy or scenario.policies)) * (seeds or scenario.seeds)


def _written(study: Study) -> dict[str, object]:
    return {
        "scenario": study.scenario.name.en,
        "plays": [one.model_dump(mode="json") for one in study.metrics],
        "comparison": study.comparison.model_dump(mode="json"),
        "notes": [note.said() for note in study.notes],
    }
