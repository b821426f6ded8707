"""The report's months: where every accelerator-second went, as metering counted it.

- Of the first seed. The six are metering's and add up to everything there was.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from dure.metering.conservation import NOTHING, SixWay
from dure.twin.accounts import SMALL, MonthAccount
from dure.twin.figures import percent, whole
from dure.twin.words import Say
from dure.vocabulary.marking import gettext_noop as _

COLUMNS: Final = {
    "used": _("used by owners"),
    "lent": _("lent"),
    "idle": _("idle in an allocation"),
    "unallocated": _("not allocated"),
    "down": _("down"),
}
"""The provider's own part is no part of what the twin plays."""

_HOUR_S: Final = 3600


def by_month(accounts: Iterable[MonthAccount]) -> dict[str, SixWay]:
    """All pools together, the months in order."""
    months: dict[str, SixWay] = {}
    for one in accounts:
        months[one.month] = months.get(one.month, NOTHING) + one.account.split
    return dict(sorted(months.items()))


def section(
    accounts: dict[str, tuple[MonthAccount, ...]], labels: dict[str, str], *, first: str, say: Say
) -> str:
    """A table for each policy; that of `first` is open."""
    if not accounts:
        why = _(
            "Not counted here: metering looks at each stretch of each job, and there are more than"
            " {most}. Ask for it with --accounts."
        )
        return f"<p>{escape(say(why).format(most=f'{SMALL:,}'))}</p>"
    note = _("Accelerator-hours of the first seed, counted by the ledger's own rules.")
    tables = "".join(
        f"<details{' open' if policy == first else ''}><summary>{escape(say(labels[policy]))}"
        f"</summary>{_table(by_month(counted), say)}</details>"
        for policy, counted in accounts.items()
    )
    return f"<p>{escape(say(note))}</p>{tables}"


def _table(months: dict[str, SixWay], say: Say) -> str:
    head = "".join(f'<th scope="col">{escape(say(name))}</th>' for name in COLUMNS.values())
    rows = [_row(month, split) for month, split in months.items()]
    rows.append(_row(say(_("All months")), sum(months.values(), NOTHING)))
    return (
        f'<div class="scroll"><table><thead><tr><th scope="col">{escape(say(_("Month")))}</th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(name: str, split: SixWay) -> str:
    cells = "".join(
        f"<td>{whole(getattr(split, kind) / _HOUR_S)}"
        f"<small>{percent(getattr(split, kind) / split.total)}</small></td>"
        for kind in COLUMNS
    )
    return f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
