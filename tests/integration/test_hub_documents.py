"""What is generated from the hub is up to date: migrations and the OpenAPI document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import call_command
from typer.testing import CliRunner

from dure.cli.main import app

WRITTEN = Path(__file__).parents[2] / "api" / "hub.json"


@pytest.mark.django_db
def test_the_migrations_make_the_tables_that_the_models_say() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_the_openapi_document_is_the_one_that_the_hub_serves() -> None:
    made = CliRunner().invoke(app, ["hub", "openapi"])
    assert made.exit_code == 0
    assert json.loads(WRITTEN.read_text(encoding="utf-8")) == json.loads(made.stdout), (
        "the API has changed: run `make api` and review api/hub.json as a diff"
    )


def test_every_operation_of_the_api_says_what_it_does() -> None:
    document = json.loads(WRITTEN.read_text(encoding="utf-8"))
    silent = [
        f"{method} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if not operation.get("description")
    ]
    assert silent == []
