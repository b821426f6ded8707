"""The messages between hub and agents: one JSON form, closed, with segments at whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError

from dure.protocol import (
    Binding,
    Credential,
    Desired,
    LentShare,
    MemberAccess,
    NodeRecord,
    Report,
    UsageRecord,
)

START = datetime(2026, 3, 1, tzinfo=UTC)


def _usage(**changes: object) -> dict[str, object]:
    return {
        "start": START,
        "end": START + timedelta(seconds=1),
        "job": "j",
        "attempt": 1,
        "kind": "owner",
        "allocation": "A",
        "project": "P",
        "pool": "p",
        "username": "kim",
        "accelerators": 8,
        "outcome": "running",
        **changes,
    }


def test_a_desired_document_survives_its_json_form() -> None:
    desired = Desired(
        cluster="c",
        revision=3,
        bindings=(
            Binding(
                allocation="A",
                project="P",
                pool="p",
                servers=2,
                accelerators=16,
                members=(MemberAccess(username="kim", role="lead"),),
                starts=START,
                ends=START + timedelta(days=30),
                generation=1,
            ),
        ),
        lent=(LentShare(project="Q", pool="p", order=0, max_accelerators=8),),
    )
    assert Desired.model_validate_json(desired.model_dump_json()) == desired


def test_a_report_survives_its_json_form() -> None:
    report = Report(
        cluster="c",
        sequence=0,
        said_at=START,
        usage=(UsageRecord.model_validate(_usage()),),
        nodes=(
            NodeRecord(
                start=START, end=START + timedelta(hours=1), node="n", pool="p", accelerators=8
            ),
        ),
    )
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_another_version_of_the_protocol_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"dure\.site/1"):
        Desired.model_validate({"protocol": "dure.site/2", "cluster": "c", "revision": 1})


def test_a_misspelt_field_is_an_error() -> None:
    with pytest.raises(ValidationError, match="bindngs"):
        Desired.model_validate({"cluster": "c", "revision": 1, "bindngs": []})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"end": START}, "ends after it starts"),
        ({"start": START + timedelta(milliseconds=1)}, "whole seconds"),
        ({"allocation": None}, "names its allocation"),
        ({"accelerators": 0}, "greater than 0"),
        ({"busy_permille": 1001}, "less than or equal to 1000"),
        ({"start": START.replace(tzinfo=None)}, "timezone"),
    ],
)
def test_a_segment_that_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        UsageRecord.model_validate(_usage(**changes))


def test_no_metric_is_not_zero_use() -> None:
    assert UsageRecord.model_validate(_usage()).busy_permille is None
    assert UsageRecord.model_validate(_usage(busy_permille=0)).busy_permille == 0


def test_a_credential_shows_its_token_in_json_alone() -> None:
    credential = Credential(cluster="c", token=SecretStr("site-token"), expires=START)
    assert "site-token" not in repr(credential)
    assert Credential.model_validate_json(credential.model_dump_json()) == credential
