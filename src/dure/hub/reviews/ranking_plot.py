"""The picture of a ranking: each application's raw rank across, its corrected rank upwards.

- SVG with figures as attributes: the content policy lets no inline style through.
- Best is at the top right; on the diagonal is who kept the rank, above it who rose.
- The table beside it holds the same figures; the picture says in words what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from dure.engine.scoring import Ranked
from dure.hub.portal.templatetags.dure import figure

SIDE: Final = 1000
MARGIN: Final = 70
"""Units of the drawing; the margin holds the axes' words."""

MOST_MARKS: Final = 1000
"""More marks cover each other; of a longer ranking every so many are drawn."""


def scatter(intents: Sequence[Ranked]) -> SafeString:
    """The picture; nothing where no application has both ranks."""
    both = [(one, one.raw_rank, one.rank) for one in intents if one.rank and one.raw_rank]
    if not both:
        return SafeString("")
    last = max(max(raw or 0, rank or 0) for _, raw, rank in both)
    shown = both[:: 1 + (len(both) - 1) // MOST_MARKS]
    marks = format_html_join(
        "",
        '<circle class="mark mark-{}" cx="{}" cy="{}" r="7"><title>{}</title></circle>',
        (
            (_moved(one), _at(raw or 0, last), SIDE - _at(rank or 0, last), _said(one))
            for one, raw, rank in shown
        ),
    )
    return format_html(
        '<svg class="scatter" viewBox="-{m} -10 {w} {h}" role="img"'
        ' aria-labelledby="scatter-title scatter-words">'
        '<title id="scatter-title">{title}</title><desc id="scatter-words">{words}</desc>'
        '<rect class="plot" width="{s}" height="{s}"></rect>'
        '<line class="diagonal" x1="0" y1="{s}" x2="{s}" y2="0"></line>{marks}{axes}</svg>',
        m=MARGIN,
        w=SIDE + MARGIN + 20,
        h=SIDE + MARGIN + 20,
        s=SIDE,
        title=gettext("Raw and corrected rank of each application"),
        words=_words(both),
        marks=marks,
        axes=_axes(last),
    )


def _at(rank: int, last: int) -> int:
    """Rank 1 at the far end."""
    return SIDE - (SIDE * (2 * rank - 1)) // (2 * last)


def _moved(one: Ranked) -> str:
    shift = one.shift or 0
    return "up" if shift > 0 else "down" if shift < 0 else "kept"


def _said(one: Ranked) -> str:
    return gettext("%(number)s: raw rank %(raw)s, corrected rank %(rank)s") % {
        "number": one.application,
        "raw": figure(one.raw_rank),
        "rank": figure(one.rank),
    }


def _words(both: Sequence[tuple[Ranked, int | None, int | None]]) -> str:
    shifts = [one.shift or 0 for one, _, _ in both]
    moved = sum(shift != 0 for shift in shifts)
    said = ngettext(
        "%(moved)s application has another rank after the correction; the largest shift is"
        " %(most)s places.",
        "%(moved)s applications have another rank after the correction; the largest shift is"
        " %(most)s places.",
        moved,
    )
    return said % {"moved": figure(moved), "most": figure(max(map(abs, shifts)))}


def _axes(last: int) -> SafeString:
    texts = (
        (0, SIDE + 45, "start", figure(last)),
        (SIDE // 2, SIDE + 45, "middle", gettext("Raw rank")),
        (SIDE, SIDE + 45, "end", figure(1)),
    )
    across = format_html_join("", '<text x="{}" y="{}" text-anchor="{}">{}</text>', texts)
    upwards = format_html_join(
        "",
        '<text x="{}" y="-20" text-anchor="{}" transform="rotate(-90)">{}</text>',
        (
            (-SIDE, "start", figure(last)),
            (-SIDE // 2, "middle", gettext("Corrected rank")),
            (0, "end", figure(1)),
        ),
    )
    return across + upwards
