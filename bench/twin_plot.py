"""The twin's pictures: speeds side by side, and costs as something grows.

- Axes are logarithmic: what is compared lies three orders of magnitude apart.
- The files have no date in them, so that the same figures make the same picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

COLOURS = ("#0b50d0", "#d63d4a", "#d98a00", "#8a8f99")
KINDS = {"ours": COLOURS[0], "run": COLOURS[2], "published": "#c2c6cc"}
SAID = {"ours": "ours", "run": "a peer, same run", "published": "as published, elsewhere"}


class Bar(NamedTuple):
    name: str
    value: float
    kind: str  # one of KINDS


class Line(NamedTuple):
    name: str
    points: list[tuple[float, float]]


def speeds(path: Path, groups: Mapping[str, Sequence[Bar]]) -> None:
    """Jobs per CPU second, one picture for each way."""
    figure, axes = _figure(len(groups))
    for axis, (title, bars) in zip(axes, groups.items(), strict=True):
        for place, bar in enumerate(reversed(bars)):
            axis.barh(place, bar.value, color=KINDS[bar.kind])
            axis.text(bar.value * 1.1, place, f"{bar.value:,.0f}", va="center", fontsize=7)
        axis.set_yticks(range(len(bars)), [bar.name for bar in reversed(bars)])
        axis.set_xscale("log")
        axis.set_xlim(100, 30 * max(bar.value for bar in bars))
        axis.set_xlabel("jobs per CPU second")
        axis.set_title(title)
        axis.grid(visible=False, axis="y")
        axis.set_axisbelow(True)
    handles = [_swatch(kind) for kind in KINDS]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(KINDS), fontsize=8)
    _save(figure, path)


def lines(
    path: Path, drawn: Sequence[Line], *, x: str, y: str, title: str, bar: float | None = None
) -> None:
    """Both axes logarithmic; `bar` is where the bar lies."""
    figure, axes = _figure(1)
    for line, colour in zip(drawn, COLOURS, strict=False):
        across, up = zip(*line.points, strict=True)
        axes[0].plot(across, up, "o-", color=colour, label=line.name)
    if bar is not None:
        axes[0].axhline(bar, color="black", linestyle="--", linewidth=1, label="the bar")
    axes[0].set_xscale("log")
    axes[0].set_yscale("log")
    axes[0].set_xlabel(x)
    axes[0].set_ylabel(y)
    axes[0].set_title(title)
    axes[0].legend(fontsize=8)
    _save(figure, path)


def _figure(count: int) -> tuple[Figure, list[Axes]]:
    import matplotlib as mpl  # noqa: PLC0415  # heavy, and only for the pictures
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "twin", "font.size": 9, "axes.grid": True})
    figure, axes = plt.subplots(
        1, count, figsize=(1.4 + 4.2 * count, 4), layout="constrained", squeeze=False
    )
    return figure, list(axes[0])


def _swatch(kind: str) -> Patch:
    from matplotlib import patches  # noqa: PLC0415  # with the pictures

    return patches.Patch(color=KINDS[kind], label=SAID[kind])


def _save(figure: Figure, path: Path) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415  # with the pictures

    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
