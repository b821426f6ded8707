"""Numbers and bars as people read them.

- Amounts are counted in accelerator-seconds and read in accelerator-hours.
- A bar is SVG with widths as attributes: the content policy lets no inline style through.
- A bar never stands alone: a table beside it holds the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dure.quantities.accelerator_seconds import SECONDS_PER_HOUR

BAR_WIDTH: Final = 1000
"""Units across a bar: enough that a thousandth of the whole is still drawn."""

SIX_WAY_LABELS: Final = {
    "used": pgettext_lazy("accelerator time", "Used by its owner"),
    "lent": pgettext_lazy("accelerator time", "Lent"),
    "idle": pgettext_lazy("accelerator time", "Idle in an allocation"),
    "unallocated": pgettext_lazy("accelerator time", "Unallocated"),
    "down": pgettext_lazy("accelerator time", "Down"),
    "own": pgettext_lazy("accelerator time", "Provider's own"),
}

SERVER_LABELS: Final = {
    "promised": pgettext_lazy("servers of a pool", "Promised"),
    "free": pgettext_lazy("servers of a pool", "Free"),
    "spare": pgettext_lazy("servers of a pool", "Spare"),
    "own": _("Provider's own use"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a bar; `kind` names its colour in the theme."""

    kind: str
    label: object
    value: int


def segments(labels: dict[str, object], values: object) -> tuple[Segment, ...]:
    """A part for each label, its value the attribute of that name."""
    return tuple(Segment(kind, label, getattr(values, kind)) for kind, label in labels.items())


def number(value: int) -> str:
    """Whole numbers with thousands set apart."""
    return f"{value:,}"


def hours(accelerator_seconds: int) -> str:
    """Accelerator-hours to one decimal, rounded half up in whole numbers."""
    tenths = (abs(accelerator_seconds) * 20 + SECONDS_PER_HOUR) // (2 * SECONDS_PER_HOUR)
    sign = "−" if accelerator_seconds < 0 and tenths else ""
    return f"{sign}{tenths // 10:,}.{tenths % 10}"


def percent(part: int, whole: int) -> str:
    """A share to one decimal; a dash where there is no whole (which is not zero)."""
    if not whole:
        return "–"
    tenths = (part * 2000 + whole) // (2 * whole)
    return f"{tenths // 10}.{tenths % 10} %"


def stacked_bar(parts: Sequence[Segment]) -> SafeString:
    """The parts side by side, in their order; what they say is read out to who cannot see it."""
    whole = sum(part.value for part in parts)
    drawn = [part for part in parts if part.value > 0]
    said = ", ".join(f"{part.label} {percent(part.value, whole)}" for part in drawn)
    rectangles = format_html_join(
        "", '<rect class="{}" x="{}" width="{}" height="12"></rect>', _laid_out(drawn, whole)
    )
    return format_html(
        '<svg class="bar" viewBox="0 0 {} 12" preserveAspectRatio="none" role="img"'
        ' aria-label="{}">{}</svg>',
        BAR_WIDTH,
        said or "–",
        rectangles,
    )


def _laid_out(parts: Sequence[Segment], whole: int) -> list[tuple[str, str, str]]:
    laid, before = [], 0
    for part in parts:
        x = BAR_WIDTH * before / whole
        laid.append((f"part-{part.kind}", f"{x:.1f}", f"{BAR_WIDTH * part.value / whole:.1f}"))
        before += part.value
    return laid
