"""The pool with lending, and long-idle allocations returned to the waitlist by the rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dure.twin.policies import pool
from dure.vocabulary.marking import gettext_noop as _

POLICY: Final = replace(
    pool.POLICY,
    label=_("Pool, reclaim and waitlist"),
    says=_("Lending, and servers long unused go to the next on the waitlist, after notice."),
    reclaim="scenario",
)
