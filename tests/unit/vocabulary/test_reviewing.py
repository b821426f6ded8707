"""The stages of a call in the programme file: one where none is named, and what cannot stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dure.vocabulary.programme import Programme
from dure.vocabulary.programme_file import ProgrammeFileError, parse_programme

SMALL = (Path(__file__).parent / "small_programme.yaml").read_text(encoding="utf-8")
LABEL = {"ko": "단계", "en": "Stage"}


def with_stages(*stages: dict[str, object]) -> dict[str, Any]:
    record = parse_programme(SMALL, file="small").model_dump(mode="json", by_alias=True)
    record["calls"][0]["stages"] = [{"label": LABEL, **stage} for stage in stages]
    return record


def test_a_call_that_names_no_stage_has_one_written_stage() -> None:
    programme = Programme.model_validate(with_stages())
    stages = programme.calls[0].review_stages(programme.rubric)
    assert [(s.id, s.kind) for s in stages] == [("written", "written")]
    assert stages[0].reviews == programme.rubric.reviews_per_application


def test_stages_stand_in_the_file_s_order() -> None:
    programme = Programme.model_validate(
        with_stages(
            {"id": "document", "kind": "document", "panel": {"majority": True}},
            {"id": "written", "panel": {"minimum_mean": "60%"}},
            {"id": "hearing", "kind": "presentation"},
        )
    )
    stages = programme.calls[0].review_stages(programme.rubric)
    assert [s.id for s in stages] == ["document", "written", "hearing"]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([{"id": "a"}, {"id": "b"}], "a: a stage before the last needs a panel rule"),
        ([{"id": "a", "panel": {"majority": True}}, {"id": "a"}], "have the same id"),
        ([{"id": "a", "criteria": ["nowhere"]}], "there is no criterion 'nowhere'"),
        (
            [{"id": "a", "panel": {"minimum_each": {"nowhere": "0.5"}}}],
            "there is no criterion 'nowhere'",
        ),
    ],
)
def test_stages_that_cannot_stand_are_refused(
    stages: list[dict[str, object]], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Programme.model_validate(with_stages(*stages))


PEERS = """
    stages:
      - id: peers
        label: {ko: 단계, en: Stage}
        kind: peer
        peer: {tiers: [70%, 40%]}
"""


def lottery(*bands: str) -> str:
    """The small programme with peers whose tiers begin at 70 and 40 of 100 points."""
    written = SMALL.replace("    tie_break_seed: small/first\n", f"    tie_break_seed: s{PEERS}")
    return f"{written}\nallotment:\n  policy: lottery\n  lottery_bands: [{', '.join(bands)}]\n"


def test_a_lottery_within_the_tiers_of_peers_is_read() -> None:
    assert parse_programme(lottery("70", "40"), file="small").allotment.policy == "lottery"


@pytest.mark.parametrize("bands", [("70",), ("80", "40"), ("70", "55", "40")])
def test_bands_of_a_lottery_that_cut_across_the_tiers_of_peers_are_named(
    bands: tuple[str, ...],
) -> None:
    text = lottery(*bands)
    with pytest.raises(ProgrammeFileError) as refused:
        parse_programme(text, file="small")
    (problem,) = refused.value.problems
    assert problem.field == "calls[0].stages[0].peer.tiers"
    assert "tiers" in text.splitlines()[problem.line - 1]
    assert problem.message == (
        "these tiers begin at 70, 40 of the stage's 100 points, but the lottery draws within bands"
        f" from {', '.join(bands)}; write the same bounds in allotment.lottery_bands"
    )


def test_tiers_of_a_stage_before_the_last_bind_no_lottery() -> None:
    after = "      - {id: hearing, label: {ko: 단계, en: Stage}, kind: presentation}\n"
    text = lottery("90").replace("tiers: [70%, 40%]}\n", f"tiers: [70%, 40%]}}\n{after}")
    assert len(parse_programme(text, file="small").calls[0].stages) == 2
