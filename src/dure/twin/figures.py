"""The figures of a study as people read them: in which order, by which name, in which form.

- A figure that no policy has is left out of the table, and a note says why it is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from dure.twin.notes import Note
from dure.vocabulary.marking import gettext_noop as _

if TYPE_CHECKING:
    from dure.twin.compare import Comparison
    from dure.twin.study import Study

Form = Callable[[float], str]


def percent(value: float) -> str:
    """A share."""
    return f"{100 * value:.1f} %"


def whole(value: float) -> str:
    """A count, or an amount whose fractions say nothing."""
    return f"{value:,.0f}"


def tenths(value: float) -> str:
    """An amount to one place."""
    return f"{value:,.1f}"


def hundredths(value: float) -> str:
    """An amount to two places."""
    return f"{value:,.2f}"


def thousandths(value: float) -> str:
    """An index between 0 and 1."""
    return f"{value:.3f}"


ROWS: Final[tuple[tuple[str, str, Form], ...]] = (
    ("useful_occupancy", _("Useful occupancy"), percent),
    ("occupancy", _("Occupancy"), percent),
    ("bound_share", _("Share of what no scheduler could exceed"), percent),
    ("wait_mean_h", _("Mean wait, hours"), tenths),
    ("wait_p95_h", _("Wait of the slowest twentieth, hours"), tenths),
    ("never_started", _("Jobs never started"), whole),
    ("lent_hours", _("Lent accelerator-hours"), whole),
    ("lent_share", _("Share of all work that ran on loan"), percent),
    ("lost_hours", _("Work lost, accelerator-hours"), whole),
    ("lost_per_take_back_h", _("Work lost to one take-back, accelerator-hours"), hundredths),
    ("take_backs", _("Take-backs"), whole),
    ("take_backs_per_1000_h", _("Take-backs in 1,000 accelerator-hours run"), hundredths),
    ("repeat_victims", _("Jobs taken back more than once"), whole),
    ("take_back_p50_s", _("Take-back, half within, seconds"), whole),
    ("take_back_p95_s", _("Take-back, 95 % within, seconds"), whole),
    ("take_back_p99_s", _("Take-back, 99 % within, seconds"), whole),
    ("guarantee_p50_s", _("Guaranteed start, half within, seconds"), whole),
    ("guarantee_p95_s", _("Guaranteed start, 95 % within, seconds"), whole),
    ("guarantee_p99_s", _("Guaranteed start, 99 % within, seconds"), whole),
    ("guarantee_misses", _("Guaranteed starts that were late"), whole),
    ("effective_training_time", _("Effective training time"), percent),
    ("fairness", _("Fairness (Jain)"), thousandths),
    ("least_served", _("Demand served of the least served project"), percent),
    ("finish_time_fairness", _("Time to finish beside an island of one's own"), hundredths),
    ("finish_time_worst", _("The same, of the project that fares worst"), hundredths),
    ("fragmentation", _("Free accelerators on partly used nodes"), percent),
    ("unusable_free", _("Free accelerators that a job could not use"), percent),
    ("largest_free_gang", _("Widest job that could start at once, accelerators"), whole),
    ("owner_kwh", _("Energy of owners' work, kWh"), whole),
    ("lent_kwh", _("Energy of lent work, kWh"), whole),
    ("idle_kwh", _("Energy of what was idle, kWh"), whole),
    ("down_kwh", _("Energy of nodes that were down, kWh"), whole),
    ("kwh_per_useful_hour", _("Energy for one useful accelerator-hour, kWh"), hundredths),
    ("pull_backs", _("Allocations reduced by rule"), tenths),
    ("promotions", _("Promoted from the waitlist"), tenths),
)


def shown(comparison: Comparison) -> Iterator[tuple[str, str, Form]]:
    """The rows that at least one policy has a figure for."""
    for metric, label, form in ROWS:
        by_policy = comparison.figures[metric]
        if any(figure.mean is not None for figure in by_policy.values()):
            yield metric, label, form


_IDLE_IS_MISSING: Final = _(
    "The energy of what is idle is not given: no published figure holds for every node. Write"
    " 'idle_w' under 'energy' of each pool."
)
_ENERGY_IS_MISSING: Final = _(
    "Energy is not given: the scenario does not say what the nodes draw. Write 'energy' with"
    " 'busy_w', 'idle_w' and 'source' at each pool."
)


def notes(study: Study) -> Iterator[Note]:
    """Where figures come from, and why some are not there."""
    draws = [pool.energy for pool in study.setting.pools]
    for source in sorted({draw.source for draw in draws if draw is not None}):
        yield Note(_("Energy after: {source}."), (("source", source),))
    if None in draws:
        yield Note(_ENERGY_IS_MISSING)
    elif any(draw is not None and draw.idle_w is None for draw in draws):
        yield Note(_IDLE_IS_MISSING)
    if "islands" not in study.comparison.policies:
        yield Note(
            _("Times to finish beside an island of one's own need the policy 'islands' as well.")
        )
