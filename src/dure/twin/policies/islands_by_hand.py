"""Islands, and once a month somebody looks at use and pulls back by hand.

- A month is 30 days. Who used less than a fifth of the entitlement in it loses half of the servers,
  two weeks later and at the next look: our reading of the monthly checks that programmes announce.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from dure.twin.policies.facts import TwinPolicy
from dure.vocabulary.frozen import Text
from dure.vocabulary.marking import gettext_noop as _
from dure.vocabulary.programme.reclaim import LowOccupancy

MONTH_DAYS: Final = 30

_RULE: Final = LowOccupancy(
    id="by-hand",
    kind="low_occupancy",
    say=Text(ko="월별 점검", en="monthly check"),
    window_days=MONTH_DAYS,
    below=Fraction(1, 5),
    remove=Fraction(1, 2),
    notice_days=14,
)

POLICY: Final = TwinPolicy(
    label=_("Islands, pulled back by hand"),
    says=_("Islands; each month unused servers are pulled back by hand and given to the waitlist."),
    islands=True,
    reclaim=(_RULE,),
    review_days=MONTH_DAYS,
)
