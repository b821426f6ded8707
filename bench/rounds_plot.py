"""Two pictures of the rounds: CPU time against size, and gap over time.

- A filled mark reached the gap that Dure reached, or better; a hollow one ran into its limit or its
  memory and lies where it stopped. By rank has no bound and so no gap: its marks say time alone.
- The file has no date in it, so that the same figures make the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.rounds_way import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Paths = dict[str, list[tuple[float, float]]]
"""Contestant -> (CPU s, gap in per cent) as time goes on."""

COLOURS = {
    "Dure": "#0b50d0",
    "by rank, skip": "#8a8f99",
    "by rank, stop": "#c2c6cc",
    "plain CP-SAT": "#d63d4a",
    "plain HiGHS": "#d98a00",
}
LEAST_GAP_PCT = 1e-4  # where a proven optimum is drawn on a logarithmic axis


def plot(
    path: Path, times: Sequence[tuple[str, Report, bool]], gaps: Sequence[tuple[str, Paths]]
) -> None:
    """`times`: size, report, whether it got as far as Dure. `gaps`: one picture for each title."""
    import matplotlib as mpl  # noqa: PLC0415  # heavy, and only for the pictures
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "rounds", "font.size": 9, "axes.grid": True})
    figure, axes = plt.subplots(
        1, 1 + len(gaps), figsize=(4.6 * (1 + len(gaps)), 4), layout="constrained"
    )
    _times(axes[0], times)
    for axis, (title, paths) in zip(axes[1:], gaps, strict=True):
        _gaps(axis, title, paths)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _times(axis: Axes, times: Sequence[tuple[str, Report, bool]]) -> None:
    sizes = list(dict.fromkeys(size for size, _, _ in times))
    for way, colour in COLOURS.items():
        own = [(sizes.index(s), r.cpu_s, ok) for s, r, ok in times if r.way == way]
        if own:
            axis.plot([x for x, _, _ in own], [y for _, y, _ in own], color=colour, label=way)
        for x, y, ok in own:
            axis.plot(x, y, "o", color=colour, markerfacecolor=colour if ok else "white")
    axis.set_yscale("log")
    axis.set_xticks(range(len(sizes)), sizes)
    axis.set_ylabel("CPU seconds")
    axis.set_title("time to a plan, strict rank")
    axis.legend(fontsize=8)


def _gaps(axis: Axes, title: str, paths: Paths) -> None:
    for way, points in paths.items():
        seconds = [t for t, _ in points]
        gap = [max(LEAST_GAP_PCT, g) for _, g in points]
        axis.step(seconds, gap, where="post", color=COLOURS[way], label=way)
        axis.plot(seconds[-1], gap[-1], "o", color=COLOURS[way])
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("CPU seconds")
    axis.set_ylabel("gap, per cent")
    axis.set_title(title)
    axis.legend(fontsize=8)
