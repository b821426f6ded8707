"""The report's pictures, drawn by matplotlib and held inside the page.

- A picture is one SVG in an `img`, so that the page stays one file and runs nothing. What it shows
  is its text for who hears the page; a table of the page holds the same figures.
- Words stay words: the reader's own fonts show them, in either language.
- Colours are told apart by people who do not see red and green apart (Okabe and Ito, 2008).
- The same figures make the same picture: no date, no chance in its names.
"""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from dure.twin.policies.facts import Floats, Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: Final = {
    "owner": "#0072b2",
    "lent": "#009e73",
    "held": "#e69f00",
    "idle": "#dcdcdc",
    "down": "#7f3b08",
}
_INK: Final = "#1e2124"
_WIDE: Final = 10.0
"""Inches; the page scales it."""
_MOST_POINTS: Final = 180
"""Columns of a picture of areas: more are not seen at this width."""
_MEASURED: Final = "DejaVu Sans"
_SHOWN: Final = "'Noto Sans KR', 'Pretendard GOV', system-ui, sans-serif"
"""matplotlib measures words in the font that it brings; readers see them in theirs."""


class Bar(NamedTuple):
    """One bar with its range over the seeds; None: nothing to draw."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    said: str = ""


class Lane(NamedTuple):
    """One project's servers over time: (from day, to day, servers)."""

    label: str
    spans: tuple[tuple[float, float, int], ...]


def areas(
    series: Ints, order: Sequence[int], names: Sequence[str], *, days: int, title: str, day: str
) -> str:
    """Stacked shares of the capacity over time; `order` bottom first, places in `names`."""
    parts = min(len(series), _MOST_POINTS)
    chunks = np.array_split(series, parts)
    share: Floats = np.array([chunk.sum(axis=0) / max(1, chunk.sum()) for chunk in chunks])
    at = np.linspace(0, days, parts + 1)

    def draw(axes: Axes) -> None:
        base = np.zeros(parts)
        for kind in order:
            above = base + share[:, kind]
            axes.stairs(above, at, baseline=base, fill=True, color=COLOURS[names[kind]])
            base = above
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        _days_below(axes, days, day)

    return _picture(draw, high=2.3, left=0.07, title=title)


def bars(rows: Sequence[Bar], *, title: str, colour: str = "#0072b2") -> str:
    """Horizontal bars, each with a line over its range and its figure in words."""
    most = max((row.high or row.value or 0.0 for row in rows), default=0.0) or 1.0

    def draw(axes: Axes) -> None:
        for place, row in enumerate(rows):
            value = row.value or 0.0
            ranged = row.low is not None and row.high is not None and row.high > row.low
            low, high = (row.low or 0.0, row.high or 0.0) if ranged else (value, value)
            axes.barh(place, value, 0.62, color=colour)
            if ranged:
                apart = [[max(0.0, value - low)], [max(0.0, high - value)]]
                axes.errorbar(value, place, xerr=apart, color=_INK, capsize=3, lw=1.2)
            said = row.said if row.value is not None else "–"
            axes.text(high + most * 0.015, place, said, va="center")
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        axes.set_xlim(0, most * 1.25)
        axes.set_xticks([])
        axes.invert_yaxis()

    return _picture(draw, high=0.3 + 0.34 * len(rows), left=0.32, title=title)


def gantt(lanes: Sequence[Lane], *, days: int, title: str, day: str) -> str:
    """Who was promised how many servers when."""

    def draw(axes: Axes) -> None:
        for place, lane in enumerate(lanes):
            for since, until, servers in lane.spans:
                axes.barh(place, until - since, 0.74, since, color=COLOURS["owner"], ec="#ffffff")
                if until - since > days * 0.012 * (len(str(servers)) + 1):
                    axes.text(
                        since + days * 0.006, place, str(servers), color="#ffffff", va="center"
                    )
        axes.set_yticks(range(len(lanes)), [lane.label for lane in lanes])
        axes.set_ylim(len(lanes) - 0.4, -0.6)
        _days_below(axes, days, day)

    return _picture(draw, high=0.6 + 0.27 * max(1, len(lanes)), left=0.18, title=title)


def _days_below(axes: Axes, days: int, day: str) -> None:
    at = np.linspace(0, days, 5).astype(int).tolist()
    axes.set_xlim(0, days)
    words = axes.set_xticks(at, [day.format(number=one) for one in at])
    words[0].label1.set_horizontalalignment("left")
    words[-1].label1.set_horizontalalignment("right")


@contextmanager
def _settings() -> Iterator[None]:
    """How every picture is drawn; that the font lacks Hangul does not matter to who reads it."""
    import matplotlib as mpl  # noqa: PLC0415  # heavy: only who makes a report pays

    with (
        mpl.rc_context(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": "dure",
                "font.family": _MEASURED,
                "font.size": 10,
                "text.color": _INK,
                "axes.edgecolor": "#8a949e",
                "axes.spines.top": False,
                "axes.spines.right": False,
            }
        ),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _picture(draw: Callable[[Axes], None], *, high: float, left: float, title: str) -> str:
    from matplotlib.figure import Figure  # noqa: PLC0415  # heavy: only who makes a report pays

    with _settings():
        figure = Figure(figsize=(_WIDE, high))
        axes = figure.add_axes((left, 0.32 / high, 0.97 - left, 1 - 0.4 / high))
        axes.tick_params(length=0)
        draw(axes)
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Title": title})
    svg = file.getvalue().decode().replace(f"'{_MEASURED}'", _SHOWN)
    kept = b64encode(svg.encode()).decode()
    shown = f'<img src="data:image/svg+xml;base64,{kept}" alt="{escape(title, quote=True)}">'
    return f'<div class="scroll">{shown}</div>'
