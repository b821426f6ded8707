"""Shares of a whole, in figures and as bars.

- A bar is SVG with widths as attributes: the content policy lets no inline style through.
- A bar never stands alone: a table beside it holds the same figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import pgettext_lazy

BAR_WIDTH: Final = 1000
"""Units across a bar: enough that a thousandth of the whole is still drawn."""

SIX_WAY: Final[dict[str, tuple[str, Promise]]] = {
    "used": ("used", pgettext_lazy("accelerator time", "Used by its owner")),
    "lent": ("lent", pgettext_lazy("accelerator time", "Lent")),
    "idle": ("idle", pgettext_lazy("accelerator time", "Idle in an allocation")),
    "unallocated": ("unallocated", pgettext_lazy("accelerator time", "Unallocated")),
    "down": ("down", pgettext_lazy("accelerator time", "Down")),
    "own": ("own", pgettext_lazy("accelerator time", "Provider's own use")),
}
"""Part of a SixWay -> its attribute and its name."""

SERVERS: Final[dict[str, tuple[str, Promise]]] = {
    "promised": ("promised_servers", pgettext_lazy("servers of a pool", "Promised")),
    "free": ("free_servers", pgettext_lazy("servers of a pool", "Free")),
    "spare": ("spare_nodes", pgettext_lazy("servers of a pool", "Spare")),
    "own": ("own_use_nodes", pgettext_lazy("servers of a pool", "Provider's own use")),
}
"""Part of a Pool -> its attribute and its name."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a bar; `kind` names its colour in the theme."""

    kind: str
    label: str
    value: int


def segments(parts: Mapping[str, tuple[str, Promise]], whole: object) -> tuple[Segment, ...]:
    """Every part of `whole`, in the order of the table."""
    return tuple(
        Segment(kind, str(label), getattr(whole, name)) for kind, (name, label) in parts.items()
    )


def percent(part: int, whole: int) -> str:
    """A share to one decimal; a dash where there is no whole (which is not zero)."""
    if not whole:
        return "–"
    tenths = (part * 2000 + whole) // (2 * whole)
    return f"{tenths // 10}.{tenths % 10}%"


def stacked_bar(parts: Sequence[Segment]) -> SafeString:
    """The parts side by side, in their order; what they say is read out to who cannot see it."""
    whole = sum(part.value for part in parts)
    drawn = [part for part in parts if part.value > 0]
    said = ", ".join(f"{part.label} {percent(part.value, whole)}" for part in drawn)
    rectangles = format_html_join(
        "", '<rect class="{}" x="{}" width="{}" height="12"></rect>', _laid_out(drawn, whole)
    )
    return format_html(
        '<svg class="bar stacked" viewBox="0 0 {} 12" preserveAspectRatio="none" role="img"'
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
