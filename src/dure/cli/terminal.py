"""What the terminal of who types speaks: every command asks here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

Language = Literal["ko", "en"]


def language(asked: str | None, environment: Mapping[str, str]) -> Language:
    """What was asked for, else what the terminal speaks, else English."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    spoken = asked or next((environment[n] for n in names if environment.get(n)), "")
    return "ko" if re.match(r"ko\b|ko_", spoken) else "en"
