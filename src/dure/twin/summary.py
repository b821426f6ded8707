"""What the twin says of itself and of a study to a program: the documents of `protocol.study`."""

from __future__ import annotations

from typing import get_args

from dure.protocol.study import (
    FileProblem,
    OfferedPolicy,
    ResultCell,
    ResultRow,
    ScenarioChecked,
    ShippedScenario,
    StudyResult,
    TwinOffer,
)
from dure.twin import report, setting
from dure.twin.advice import advice_of
from dure.twin.policies import POLICIES
from dure.twin.profiles import ProfileName
from dure.twin.round_file import RoundFileError
from dure.twin.scenario import Scenario
from dure.twin.scenario_file import SHIPPED, ScenarioFileError, load_scenario, parse_scenario
from dure.twin.study import Study
from dure.vocabulary.frozen import Text


def offer() -> TwinOffer:
    """The shipped scenarios, the policies and the site engines."""
    return TwinOffer(
        scenarios=tuple(_shipped(path.stem) for path in sorted(SHIPPED.glob("*.yaml"))),
        policies=tuple(map(_policy, POLICIES)),
        profiles=get_args(ProfileName),
    )


def checked(name: str, *, programmes: setting.LoadProgramme) -> ScenarioChecked:
    """Everything wrong with the scenario, short of its jobs: those only a play reads.

    Raises ScenarioNotFoundError, OSError, UnicodeDecodeError, and what `programmes` raises.
    """
    try:
        scenario, folder = load_scenario(name)
        setting.setting_of(scenario, folder=folder, programmes=programmes)
    except RoundFileError as error:  # its lines are those of the round's file
        return refused(str(error), field="allocations.round")
    except ScenarioFileError as error:
        found = (
            FileProblem(
                line=one.line, column=one.column, field=one.field, message=one.message,
                hint=one.hint,
            )
            for one in error.problems
        )  # fmt: skip
        return ScenarioChecked(problems=tuple(found))
    except setting.UnableToSet as error:
        return refused(str(error))
    return ScenarioChecked(
        name=scenario.name, days=scenario.days, policies=scenario.policies, seeds=scenario.seeds
    )


def refused(message: str, *, field: str = "") -> ScenarioChecked:
    """A scenario that has one thing wrong, with no line to look at."""
    return ScenarioChecked(problems=(FileProblem(line=0, column=0, field=field, message=message),))


def result(study: Study) -> StudyResult:
    """The study's table and answer, with every figure of every play."""
    return StudyResult(
        scenario=study.scenario.name,
        answer=Text(ko=report.answer(study, "ko"), en=report.answer(study, "en")),
        recommended=advice_of(study).policy,
        policies=tuple(map(_policy, study.comparison.policies)),
        seeds=study.comparison.seeds,
        rows=tuple(
            ResultRow(
                figure=figure,
                label=label,
                cells=tuple(ResultCell(value=value, change=change) for value, change in cells),
            )
            for figure, label, cells in report.rows(study)
        ),
        comparison=study.comparison.model_dump(mode="json"),
        plays=[one.model_dump(mode="json") for one in study.metrics],
    )


def _shipped(name: str) -> ShippedScenario:
    text = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")
    scenario: Scenario = parse_scenario(text, file=name)
    return ShippedScenario(
        id=name,
        name=scenario.name,
        text=text,
        days=scenario.days,
        policies=scenario.policies,
        seeds=scenario.seeds,
    )


def _policy(name: str) -> OfferedPolicy:
    return OfferedPolicy(id=name, label=POLICIES[name].label, says=POLICIES[name].says)
