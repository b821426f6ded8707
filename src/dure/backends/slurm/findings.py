"""How a finding on a cluster's configuration is made.

- `ok`: looked at and right. `note`: every promise holds, with this consequence. `problem`: a
  promise does not hold until it is changed.
- `change` is the line as it should stand, with what stood there already: nothing that a site set
  for itself is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from pydantic import JsonValue

from dure.backends.slurm.site import SlurmSite
from dure.protocol import SiteFinding
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Reason

FINE: Final = "slurm.fine"


class Asked(Frozen):
    """What the site should be able to do, and who asks, when."""

    site: SlurmSite
    grace_s: int
    user: str
    is_root: bool
    now_s: int


def line(key: str, have: Iterable[str], need: Iterable[str]) -> str:
    """`key=…` with all that stood there and what is needed, in that order."""
    return f"{key}={','.join(dict.fromkeys([*have, *need]))}"


def fine(about: str, found: str, code: str = FINE) -> SiteFinding:
    return _finding("ok", about, found, code, "")


def note(
    about: str, found: str, code: str, change: str = "", /, **params: JsonValue
) -> SiteFinding:
    return _finding("note", about, found, code, change, **params)


def problem(
    about: str, found: str, code: str, change: str = "", /, **params: JsonValue
) -> SiteFinding:
    return _finding("problem", about, found, code, change, **params)


def _finding(
    level: Literal["ok", "note", "problem"],
    about: str,
    found: str,
    code: str,
    change: str,
    /,
    **params: JsonValue,
) -> SiteFinding:
    says = Reason(code=code, params=params)
    return SiteFinding(level=level, about=about, found=found, says=says, change=change)
