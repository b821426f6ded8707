"""Each allocation is a partition of its own: what programmes do now."""

from __future__ import annotations

from typing import Final

from dure.twin.policies.facts import TwinPolicy
from dure.vocabulary.marking import gettext_noop as _

POLICY: Final = TwinPolicy(
    label=_("Islands"),
    says=_("Each allocation has its own nodes. What it does not use stands idle."),
    islands=True,
)
