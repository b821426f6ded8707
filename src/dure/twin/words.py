"""The report's words in the reader's language, from the catalogue that the portal uses."""

from __future__ import annotations

import gettext
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import dure

Language = Literal["ko", "en"]
Say = Callable[[str], str]


def speaker(language: Language) -> Say:
    """Sentences in this language; what is not translated stays English."""
    folder = Path(dure.__file__).parent / "hub" / "locale"
    return gettext.translation("django", folder, [language], fallback=True).gettext
