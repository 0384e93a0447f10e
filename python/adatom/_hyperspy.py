"""HyperSpy's ``Signal2D`` in and out. Nothing of HyperSpy is imported before something of it is given."""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _adatom
from ._image import Image, PixelSize, as_array

if TYPE_CHECKING:
    from ._result import LocatedColumns


def is_signal(given: Any) -> bool:
    """Whether it is a HyperSpy signal."""
    signal = sys.modules.get("hyperspy.signal")
    return signal is not None and isinstance(given, signal.BaseSignal)


def is_stack(given: Any) -> bool:
    """Whether it is a signal of several images, or of images that are not in memory."""
    return is_signal(given) and (given.axes_manager.navigation_dimension > 0 or given._lazy)


def pixel_size(signal: Any) -> PixelSize | None:
    """The pixel size of a signal's images, if its axes are calibrated as lengths."""
    axes = signal.axes_manager.signal_axes

    def side(axis: Any) -> float | None:
        if not isinstance(axis.units, str):
            return None
        try:
            return _adatom.parse_pixel_size(f"{abs(float(axis.scale))!r}{axis.units}")[0]
        except ValueError:
            return None

    sides = [side(axis) for axis in axes[:2]]
    return None if None in sides else PixelSize(*sides)  # type: ignore[arg-type]


def image_of(given: Any) -> Image | None:
    """The image of a signal; ``None`` of anything else."""
    if not is_signal(given):
        return None
    if given.axes_manager.signal_dimension != 2 or given.axes_manager.navigation_dimension:
        raise ValueError(f"{given!r} is no image; one with two signal axes and no navigation axes is needed")
    title = given.metadata.General.title or "signal"
    return Image(as_array(given.data, title), pixel_size(given), name=title)


def like(given: Any, array: NDArray[np.float32], name: str) -> Any:
    """``array``, as a signal with the axes and metadata of ``given`` where that is one."""
    if not is_signal(given):
        return array
    signal = given._deepcopy_with_new_data(array)
    signal.metadata.General.title = f"{given.metadata.General.title} {name}".strip()
    return signal


def with_markers(result: "LocatedColumns") -> Any:
    import hyperspy.api as hs

    signal = hs.signals.Signal2D(result.image.data)
    signal.metadata.General.title = result.image.name
    x, y = signal.axes_manager.signal_axes
    x.name, y.name = "x", "y"
    size = result.image.pixel_size
    if size is not None:
        for axis, side in ((x, size.x), (y, size.y)):
            axis.scale, axis.units = side / 10, "nm"
    offsets = result.positions * [x.scale, y.scale]
    signal.add_marker(hs.plot.markers.Points(offsets, facecolor="none", edgecolor="red"), permanent=True)
    return signal
