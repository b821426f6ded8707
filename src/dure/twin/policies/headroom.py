"""The stewarded pool with a little capacity never lent, so that owners rarely wait for a grace.

- One part in twenty: the spare that operators ask about; the twin is there to find a better one.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Final

from dure.twin.policies import stewarded
from dure.vocabulary.marking import gettext_noop as _

POLICY: Final = replace(
    stewarded.POLICY,
    label=_("Pool with headroom"),
    says=_("Lending, reclaim, waitlist; one accelerator in twenty is kept free for owners."),
    headroom=Fraction(1, 20),
)
