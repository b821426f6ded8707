"""What `dure twin` prints of a study, in the language of the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer
from rich.table import Column, Table

from dure.cli.api_door import wide_console
from dure.vocabulary.marking import gettext_noop as _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dure.metering.conservation import SixWay
    from dure.twin.compare import Figure
    from dure.twin.figures import Form
    from dure.twin.study import Study
    from dure.twin.words import Say

_HOUR_S: Final = 3600

_OF_A_PLAY: Final = (
    ("useful_occupancy", _("Useful")),
    ("bound_share", _("Of bound")),
    ("lent_hours", _("Lent h")),
    ("lost_hours", _("Lost h")),
    ("wait_mean_h", _("Mean wait h")),
    ("take_back_p99_s", _("Take-back p99 s")),
    ("guarantee_misses", _("Misses")),
)
"""Short names of the figures of one play; the report has all of them."""


def plays(study: Study, say: Say) -> None:
    """One line a play."""
    from dure.twin.figures import ROWS  # noqa: PLC0415  # needs the extra

    forms = {metric: form for metric, _label, form in ROWS}
    right = (Column(say(name), justify="right") for _metric, name in _OF_A_PLAY)
    table = Table(say(_("Policy")), say(_("Seed")), *right)
    for one in study.metrics:
        figures = ((getattr(one, metric), forms[metric]) for metric, _name in _OF_A_PLAY)
        told = ("–" if value is None else form(value) for value, form in figures)
        table.add_row(one.policy, str(one.seed), *told)
    wide_console().print(table)


def comparison(study: Study, say: Say) -> None:
    """One line a figure, a column a policy."""
    from dure.twin.figures import shown  # noqa: PLC0415  # needs the extra

    compared = study.comparison
    table = Table(say(_("Figure")), *(Column(name, justify="right") for name in compared.policies))
    for metric, label, form in shown(compared):
        figures = compared.figures[metric]
        table.add_row(say(label), *(_told(figures[name], form) for name in compared.policies))
    wide_console().print(table)
    seeds = len(compared.seeds)
    many = _("Means over {seeds} seeds; in brackets the difference to the first, ± 95 %.")
    one = _("One seed; in brackets the difference to the first. How sure it is, nobody can say.")
    typer.echo(say(many).format(seeds=seeds) if seeds > 1 else say(one))
    typer.echo(say(_("Differences of shares are in percentage points.")))


def answer(study: Study, say: Say) -> None:
    """Which policy to choose: the sentence that the report opens with."""
    from dure.twin import report  # noqa: PLC0415  # needs the extra

    typer.echo(report.answer_in(study, say))


def months(study: Study, say: Say) -> None:
    """Where every accelerator-hour went, a line a month, for each policy that was counted."""
    from dure.twin.report_months import COLUMNS, by_month  # noqa: PLC0415  # needs the extra

    for policy, counted in study.months.items():
        right = (Column(say(name), justify="right") for name in COLUMNS.values())
        title = say(_("Accelerator-hours by month: {policy}")).format(policy=policy)
        table = Table(say(_("Month")), *right, title=title)
        for month, split in by_month(counted).items():
            table.add_row(month, *_hours(split, tuple(COLUMNS)))
        wide_console().print(table)


def notes(study: Study, say: Say) -> None:
    """What was not played; lines of their own, so that no table cuts them."""
    for note in study.notes:
        typer.echo(note.said(say))


def deciding(study: Study, say: Say) -> None:
    """What the decisions themselves cost."""
    said = _(
        "{policy}: deciding took {half} ms of CPU in half of the control steps, {most} ms at most."
    )
    for policy, spent in study.deciding.items():
        ordered = sorted(spent)
        half, most = ordered[len(ordered) // 2], ordered[-1]
        typer.echo(
            say(said).format(policy=policy, half=f"{half * 1000:.1f}", most=f"{most * 1000:.1f}")
        )


def _told(figure: Figure, form: Form) -> str:
    if figure.mean is None:
        return "–"
    said = form(figure.mean)
    if figure.difference is None:
        return said
    within = "" if figure.within is None else f" ± {form(figure.within)}"
    sign = "+" if figure.difference >= 0 else "−"
    change = f"{sign}{form(abs(figure.difference))}{within}".replace(" %", "")  # points
    return f"{said} ({change})"


def _hours(split: SixWay, kinds: Sequence[str]) -> list[str]:
    return [f"{getattr(split, kind) / _HOUR_S:,.0f}" for kind in kinds]
