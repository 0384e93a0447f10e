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
    """The pixel size of a signal's images, if its axes are calibrated as lengths. They must be uniform."""
    axes = signal.axes_manager.signal_axes
    for axis in axes:
        if not axis.is_uniform:
            raise ValueError(
                f"{signal!r}: the axis {axis.name} isn't uniform, and an image's pixels have one size; resample the signal, such as "
                f"by its interpolate_on_axis"
            )

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
    size = pixel_size(given)
    # Not the signal itself, which would have to be sent along wherever a result goes.
    kept = {"axes": [axis.get_axis_dictionary() for axis in given.axes_manager._axes], "metadata": given.metadata.as_dictionary()}
    return Image(as_array(given.data, title), size, name=title, info={"hyperspy": kept})


def like(given: Any, array: NDArray[np.float32], name: str) -> Any:
    """``array``, as a signal with the axes and metadata of ``given`` where that is one."""
    if not is_signal(given):
        return array
    signal = given._deepcopy_with_new_data(array)
    if given._lazy:
        # The array is in memory; so that the signal is of the class for that, as after its compute().
        signal._lazy = False
        signal._assign_subclass()
    signal.metadata.General.title = f"{given.metadata.General.title} {name}".strip()
    return signal


def with_markers(result: "LocatedColumns") -> Any:
    import hyperspy.api as hs

    kept = result.image.info.get("hyperspy")
    if kept is None:
        signal = hs.signals.Signal2D(result.image.data)
        signal.metadata.General.title = result.image.name
        signal.axes_manager.signal_axes[0].name, signal.axes_manager.signal_axes[1].name = "x", "y"
    else:
        signal = hs.signals.Signal2D(result.image.data, axes=kept["axes"], metadata=kept["metadata"])
    x, y = signal.axes_manager.signal_axes
    size = result.image.pixel_size
    # One that was given with the call goes before the signal's own.
    if size is not None and not np.allclose(size, pixel_size(signal) or np.nan, rtol=1e-6):
        for axis, side in ((x, size.x), (y, size.y)):
            scale = side / 10
            axis.offset *= abs(scale / axis.scale)
            axis.scale, axis.units = np.copysign(scale, axis.scale), "nm"
    offsets = result.positions * [x.scale, y.scale] + [x.offset, y.offset]
    signal.add_marker(hs.plot.markers.Points(offsets, facecolor="none", edgecolor="red"), permanent=True)
    return signal
