"""One pool: idle capacity is lent at once and taken back when its owner returns."""

from __future__ import annotations

from typing import Final

from dure.twin.policies.facts import TwinPolicy
from dure.vocabulary.marking import gettext_noop as _

POLICY: Final = TwinPolicy(
    label=_("Pool with lending"),
    says=_("Idle capacity is lent at once and taken back at once; allocations stay as they are."),
    lends=True,
)
