"""The stewarded pool; who has least to lose since the last checkpoint is taken back first."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dure.twin.policies import stewarded
from dure.vocabulary.marking import gettext_noop as _

POLICY: Final = replace(
    stewarded.POLICY,
    label=_("Pool, least work lost"),
    says=_(
        "Lending, reclaim, waitlist; lent work that loses least since its checkpoint stops first."
    ),
    victims="least_lost",
)
