"""The report's pictures as SVG text, drawn here: a few rectangles and lines need no library.

- Colours are told apart by people who do not see red and green apart (Okabe and Ito, 2008), and
  every area and bar is also named in words.
- A picture has a title for who hears the page, and scales with the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

import numpy as np

from dure.twin.policies.facts import Floats, Ints

COLOURS: Final = {
    "owner": "#0072b2",
    "lent": "#009e73",
    "held": "#e69f00",
    "idle": "#dcdcdc",
    "down": "#7f3b08",
}
_WIDE: Final = 720
_MOST_POINTS: Final = 180
"""Columns of a picture of areas: more are not seen at this width."""


class Bar(NamedTuple):
    """One bar with its range over the seeds; None: nothing to draw."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    said: str = ""


def _svg(inside: str, height: int, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDE} {height}" role="img" aria-label="{escape(title, quote=True)}">'
        f"<title>{escape(title)}</title>{inside}</svg>"
    )


def _text(x: float, y: float, said: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(said)}</text>'
    )


def areas(series: Ints, order: Sequence[int], names: Sequence[str], *, days: int, title: str,
          day: str) -> str:  # fmt: skip
    """Stacked shares of the capacity over time; `order` bottom first, places in `names`."""
    high, left, top = 150, 44, 8
    parts = min(len(series), _MOST_POINTS)
    chunks = np.array_split(series, parts)
    share: Floats = np.array([chunk.sum(axis=0) / max(1, chunk.sum()) for chunk in chunks])
    width = (_WIDE - left - 8) / parts
    marks, base = [], np.zeros(parts)
    for kind in order:
        above = base + share[:, kind]
        points = [_point(left + width * i, top + high * (1 - y)) for i, y in _steps(above)]
        points += [
            _point(left + width * i, top + high * (1 - y)) for i, y in reversed(_steps(base))
        ]
        marks.append(f'<polygon points="{" ".join(points)}" fill="{COLOURS[names[kind]]}"/>')
        base = above
    marks += [
        _text(left - 6, top + high * (1 - mark / 100) + 4, f"{mark} %", "", "end")
        for mark in (0, 50, 100)
    ]
    for place in np.linspace(0, days, 5).astype(int).tolist():
        x = left + (_WIDE - left - 8) * place / days
        anchor = "end" if place == days else "middle"
        marks.append(_text(x, top + high + 16, day.format(number=place), "", anchor))
    return _svg("".join(marks), top + high + 22, title)


def _steps(values: Floats) -> list[tuple[int, float]]:
    """Corners of a line of steps."""
    return [(i + j, float(value)) for i, value in enumerate(values) for j in (0, 1)]


def _point(x: float, y: float) -> str:
    return f"{x:.1f},{y:.1f}"


def bars(rows: Sequence[Bar], *, title: str, colour: str = "#0072b2") -> str:
    """Horizontal bars, each with a line over its range and its figure in words."""
    left, right, step = 230, 150, 26
    most = max((row.high or row.value or 0.0 for row in rows), default=0.0) or 1.0
    scale = (_WIDE - left - right) / most
    marks = []
    for place, row in enumerate(rows):
        y = 6 + step * place
        marks.append(_text(left - 8, y + 14, row.label, "", "end"))
        if row.value is None:
            marks.append(_text(left, y + 14, "–"))
            continue
        end = left + row.value * scale
        marks.append(
            f'<rect x="{left}" y="{y + 2}" width="{max(1.0, row.value * scale):.1f}" height="16"'
            f' fill="{colour}"/>'
        )
        if row.low is not None and row.high is not None and row.high > row.low:
            low, end = left + row.low * scale, left + row.high * scale
            marks.append(
                f'<path d="M{low:.1f} {y + 10}H{end:.1f}M{low:.1f} {y + 6}v8M{end:.1f} {y + 6}v8"'
                ' class="range"/>'
            )
        marks.append(_text(end + 8, y + 14, row.said))
    return _svg("".join(marks), 10 + step * len(rows), title)


class Lane(NamedTuple):
    """One project's servers over time: (from day, to day, servers)."""

    label: str
    spans: tuple[tuple[float, float, int], ...]


def gantt(lanes: Sequence[Lane], *, days: int, title: str, day: str) -> str:
    """Who was promised how many servers when."""
    left, step = 140, 20
    scale = (_WIDE - left - 8) / days
    marks = []
    for place, lane in enumerate(lanes):
        y = 4 + step * place
        marks.append(_text(left - 8, y + 13, lane.label, "", "end"))
        for since, until, servers in lane.spans:
            wide = (until - since) * scale
            x = left + since * scale
            marks.append(
                f'<rect x="{x:.1f}" y="{y}" width="{max(1.0, wide - 1):.1f}" height="16"'
                f' fill="{COLOURS["owner"]}"/>'
            )
            if wide > 8 * len(str(servers)) + 6:
                marks.append(_text(x + 5, y + 13, str(servers), "on"))
    bottom = 4 + step * len(lanes)
    for at in np.linspace(0, days, 5).astype(int).tolist():
        anchor = "end" if at == days else "middle"
        marks.append(_text(left + at * scale, bottom + 14, day.format(number=at), "", anchor))
    return _svg("".join(marks), bottom + 20, title)
