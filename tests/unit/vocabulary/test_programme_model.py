"""What the programme's own arithmetic promises to those who decide by it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from pydantic import ValidationError

from dure.vocabulary.programme import Pool, Programme, SizeClass, Track
from dure.vocabulary.programme_file import parse_programme

SMALL = (Path(__file__).parent / "small_programme.yaml").read_text(encoding="utf-8")


def small() -> Programme:
    return parse_programme(SMALL, file="small")


def test_a_programme_reads_back_from_its_json_form() -> None:
    programme = small()

    again = Programme.model_validate_json(programme.model_dump_json(by_alias=True))

    assert again == programme
    assert again.quotas[0].share == Fraction(1, 5)


def test_broken_references_are_refused_however_the_programme_is_made() -> None:
    record = small().model_dump(mode="json", by_alias=True)
    record["calls"][0]["pools"] = ["elsewhere"]

    with pytest.raises(ValidationError, match="there is no pool 'elsewhere'"):
        Programme.model_validate(record)


def test_own_use_and_spares_never_enter_what_can_be_awarded() -> None:
    pool = Pool(id="p", model="H200", nodes=10, own_use_nodes=2, spare_nodes=1)

    assert pool.awardable_nodes == 7
    assert pool.figure("programme_accelerators") == 64
    assert pool.figure("accelerators") == 80


def test_a_rehearsal_pool_is_in_no_total_of_another_arrangement() -> None:
    rehearsal = SMALL.replace(
        "own_use_nodes: 2", "own_use_nodes: 2\n" + " " * 16 + "arrangement: rehearsal"
    )
    programme = parse_programme(rehearsal, file="small")

    assert programme.total("accelerators", "rehearsal") == 80
    assert programme.total("accelerators", "acquired") == 0


def track() -> Track:
    text = {"ko": "가", "en": "A"}
    return Track.model_validate(
        {
            "id": "t",
            "label": text,
            "sectors": ["s"],
            "max_months": 12,
            "max_amount_by_model": {"B200": 16},
            "size_classes": [
                {
                    "id": "small",
                    "label": text,
                    "min_amount": 1,
                    "max_amount": 7,
                    "max_amount_by_model": {"B200": 3},
                    "max_accelerators": 50,
                },
                {"id": "large", "label": text, "min_amount": 1, "max_amount": 32},
            ],
        }
    )


@pytest.mark.parametrize(
    ("model", "amount", "accelerators", "expected"),
    [
        ("H200", 7, None, "small"),
        ("H200", 8, None, "large"),
        ("B200", 3, None, "small"),
        ("B200", 4, None, "large"),
        ("either", 7, None, "small"),
        ("H200", 7, 50, "small"),
        ("H200", 7, 51, "large"),
        ("B200", 17, None, None),
        ("H200", 33, None, None),
    ],
)
def test_a_request_belongs_to_the_first_class_that_holds_it(
    model: str, amount: int, accelerators: int | None, expected: str | None
) -> None:
    found = track().size_class_of(model=model, amount=amount, accelerators=accelerators)

    assert (found.id if found else None) == expected


def test_a_size_class_with_no_room_for_a_model_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"max_amount for B200 \(3\) is below min_amount"):
        SizeClass.model_validate(
            {
                "id": "c",
                "label": {"ko": "가", "en": "A"},
                "min_amount": 8,
                "max_amount": 32,
                "max_amount_by_model": {"B200": 3},
            }
        )


def test_a_rolling_call_supplies_while_it_is_open() -> None:
    early = SMALL.replace("supply_from: 2026-03-02", "supply_from: 2026-01-10\n    rolling: true")

    assert parse_programme(early, file="small").calls[0].rolling


def test_a_rule_that_excludes_lessors_needs_to_know_who_leases() -> None:
    record = small().model_dump(mode="json", by_alias=True)
    record["providers"][0]["sites"][0]["clusters"][0]["pools"][0]["arrangement"] = "leased"
    record["eligibility"].append(
        {"id": "lessor", "kind": "not_lessor", "say": {"ko": "가", "en": "A"}}
    )
    known = {**record["providers"][0], "registration_number": "1"}

    assert Programme.model_validate({**record, "providers": [known]}).eligibility[1].id == "lessor"
    with pytest.raises(ValidationError, match="a rule excludes lessors"):
        Programme.model_validate(record)
