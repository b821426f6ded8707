"""A supply call in a programme file: what is wrong is said with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from dure.vocabulary.programme_file import ProgrammeFileError, parse_programme

FILE = Path(__file__).parents[3] / "programmes" / "kr-gpu-2026.yaml"
TEXT = FILE.read_text(encoding="utf-8")


def problems(old: str, new: str) -> list[tuple[int, str]]:
    """The problems of the shipped file with one change, each with its line."""
    assert TEXT.count(old) == 1
    with pytest.raises(ProgrammeFileError) as refused:
        parse_programme(TEXT.replace(old, new), file="k.yaml")
    return [(p.line, f"{p.field}: {p.message}") for p in refused.value.problems]


def line_of(words: str) -> int:
    return next(n for n, line in enumerate(TEXT.splitlines(), start=1) if words in line)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("field: bid.largest_cluster", "field: bid.largest", "there is no field 'bid.largest'"),
        ("award_on: 2026-06-01", "award_on: 2026-04-01", "opens, closes, award_on"),
        ("kind: linear, worst: 12, best: 3", "kind: linear, worst: 3, best: 12", "less months"),
        ("kind: cluster, at_least", "kind: accelerators, at_least", "goes with kind cluster only"),
        ("budget: 2080500000000", "budget: 0", "award.budget"),
    ],
)  # fmt: skip
def test_a_wrong_supply_call_is_refused_in_a_sentence(old: str, new: str, said: str) -> None:
    (found,) = problems(old, new)
    assert said in found[1]


def test_a_rubric_that_does_not_add_up_names_its_section_and_line() -> None:
    label = "en: Understanding and strategy}, points: 12"
    ((line, said),) = problems(label, label.replace("12", "11"))
    assert "add up to 11, not to the section's 12" in said
    assert line == line_of("- id: understanding")


def test_an_unknown_accelerator_is_named_at_its_place() -> None:
    ((line, said),) = problems("models: [H200, B200]\n    accel", "models: [H200, B300]\n    accel")
    assert line == line_of("models: [H200, B200]")
    assert "there is no accelerator 'B300'" in said
