"""Where the published cases stand."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published cases beside the checkout; its absence is a failure, never a skip."""
    folder = Path(__file__).resolve().parents[3] / "shared"
    assert folder.is_dir(), f"{folder} is missing: the published cases cannot be compared"
    return folder
