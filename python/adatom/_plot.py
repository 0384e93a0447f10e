"""Figures."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._result import LocatedColumns


def plot(result: "LocatedColumns", ax: Any, scale_bar: bool, options: dict[str, Any]) -> Any:
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    ax.imshow(result.image.data, cmap="gray", interpolation="nearest")
    x, y = result.positions.T
    colours = np.where(result.whole, "C1", "C0")
    ax.scatter(x, y, **_ring(colours, options))
    rows, columns = result.image.shape
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), xticks=[], yticks=[])
    size = result.image.pixel_size
    if scale_bar and size is not None:
        _bar(ax, columns, rows, size.x)
    return ax


#: Other names of the arguments of ``Axes.scatter`` that rings have.
ALIASES = {"fc": "facecolors", "facecolor": "facecolors", "ec": "edgecolors", "edgecolor": "edgecolors"}
ALIASES |= {"lw": "linewidths", "linewidth": "linewidths", "color": "edgecolors", "sizes": "s"}


def _ring(colours: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Arguments of ``Axes.scatter``: rings as far as ``options``, under any of their names, don't want something else."""
    given: dict[str, Any] = {}
    for alias, value in options.items():
        name = ALIASES.get(alias, alias)
        if name in given:
            raise TypeError(f"{alias} is another name of an option that is given, too: {', '.join(options)}")
        given[name] = value
    ring = {"s": 20.0, "linewidths": 1.0, "facecolors": "none", "edgecolors": colours}
    if "c" in given:
        # Dots by value.
        del ring["facecolors"], ring["edgecolors"]
    return ring | given


def _bar(ax: Any, columns: int, rows: int, pixel: float) -> None:
    """A bar of a round length, about a fifth of the width."""
    from matplotlib import patheffects

    wanted = 0.2 * columns * pixel
    decade = 10.0 ** np.floor(np.log10(wanted))
    length = max(part * decade for part in (1, 2, 5) if part * decade <= wanted)
    label = f"{length / 10:g} nm" if length >= 10 else f"{length:g} Å"
    left, width, y = 0.04 * columns, length / pixel, 0.95 * rows
    edge = [patheffects.withStroke(linewidth=3, foreground="black")]
    ax.plot([left, left + width], [y, y], color="white", linewidth=3, solid_capstyle="butt", path_effects=[
        patheffects.withStroke(linewidth=5, foreground="black")
    ])
    ax.text(left + width / 2, y - 0.02 * rows, label, color="white", ha="center", va="bottom", path_effects=edge)
