"""Stacks of images: arrays, Dask arrays, and HyperSpy's signals, lazy or not."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _adatom, _hyperspy
from ._image import Image, PixelSize, PixelSizeLike, as_array, as_pixel_size
from ._model import Model, as_model
from ._result import TABLE, to_pandas, to_polars

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas
    import polars


def is_dask(given: Any) -> bool:
    """Whether it is a Dask array."""
    array = sys.modules.get("dask.array")
    return array is not None and isinstance(given, array.Array)


def is_stack(given: Any) -> bool:
    """Whether it is several images, or lazy ones."""
    if _hyperspy.is_signal(given):
        return _hyperspy.is_stack(given)
    if is_dask(given):
        return True
    # A colour image is no stack; that it is no image either is said elsewhere.
    return isinstance(given, np.ndarray) and given.ndim > 2 and given.shape[-1] > 4


def concatenate(tables: Iterable[NDArray[np.void]]) -> NDArray[np.void]:
    """One table of those of several frames, with the number of the frame, from 0, as its first column."""
    tables = list(tables)
    whole = np.concatenate([np.empty(0, TABLE), *tables])
    frame = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    joined = np.empty(len(whole), dtype=[("frame", np.int64), *TABLE.descr])
    joined["frame"] = frame
    for name in TABLE.names or ():
        joined[name] = whole[name]
    return joined


@dataclass(frozen=True, repr=False, eq=False)
class LocatedStack:
    """The columns of every frame of a stack.

    Attributes
    ----------
    tables
        An array of objects with the shape of the stack without its image axes, whose elements are tables
        (:data:`adatom.TABLE`): a NumPy array; of a lazy stack a Dask array, or of a lazy signal its ``data``.
    """

    tables: Any

    @property
    def lazy(self) -> bool:
        """Whether nothing has been computed yet."""
        return is_dask(self.tables)

    @property
    def shape(self) -> tuple[int, ...]:
        """The frames along each axis."""
        return tuple(self.tables.shape)

    def __len__(self) -> int:
        return int(np.prod(self.shape))

    def __repr__(self) -> str:
        return f"<adatom.LocatedStack: {' × '.join(map(str, self.shape)) or 1} frames{', lazy' if self.lazy else ''}>"

    def compute(self, **options: Any) -> "LocatedStack":
        """The same with everything computed, on the Dask cluster that is in use; ``options`` are those of Dask."""
        return LocatedStack(self.tables.compute(**options)) if self.lazy else self

    def to_numpy(self) -> NDArray[np.void]:
        """All tables as one, with the number of the ``frame`` in C order as its first column."""
        return concatenate(self.compute().tables.ravel())

    def to_pandas(self) -> "pandas.DataFrame":
        """All tables as one pandas ``DataFrame``."""
        return to_pandas(self.to_numpy())

    def to_polars(self) -> "polars.DataFrame":
        """All tables as one Polars ``DataFrame``."""
        return to_polars(self.to_numpy())


def locate_stack(
    given: Any,
    settings: str,
    pixel_size: PixelSizeLike,
    model: Model | os.PathLike[str] | str | None,
    progress: "Callable[[float], object] | None",
) -> LocatedStack:
    """The columns of every frame of a stack, by settings of :func:`adatom._locate.settings_of`."""
    size = as_pixel_size(pixel_size)
    options: dict[str, Any] = {"settings": settings, "pixel_size": size, "model": as_model(model)}
    if _hyperspy.is_signal(given):
        if given.axes_manager.signal_dimension != 2:
            raise ValueError(f"{given!r} has no images; a signal with two signal axes is needed")
        options["pixel_size"] = size or _hyperspy.pixel_size(given)
        if given._lazy:
            return LocatedStack(_of_blocks(given.data, options))
        return LocatedStack(_of_block(given.data, **options, progress=progress))
    if is_dask(given):
        return LocatedStack(_of_blocks(given, options))
    return LocatedStack(_of_block(given, **options, progress=progress))


def _of_blocks(array: Any, options: dict[str, Any]) -> Any:
    if array.ndim < 2:
        raise ValueError(f"the array has the shape {array.shape}; images are its last two axes")
    whole = array.rechunk({array.ndim - 2: -1, array.ndim - 1: -1})
    return whole.map_blocks(
        _of_block, **options, dtype=object, meta=np.empty((0,) * (array.ndim - 2), dtype=object),
        drop_axis=[array.ndim - 2, array.ndim - 1],
    )


def _of_block(
    block: NDArray[Any],
    *,
    settings: str,
    pixel_size: PixelSize | None,
    model: Model,
    progress: "Callable[[float], object] | None" = None,
    block_info: Any = None,
) -> NDArray[np.object_]:
    from ._locate import locate_image

    _share_processors()
    shape = block.shape[:-2]
    # Dask tells where in the whole array the block is.
    first = [start for start, _ in block_info[0]["array-location"]] if block_info else [0] * block.ndim
    tables = np.empty(int(np.prod(shape)), dtype=object)
    for number, index in enumerate(np.ndindex(shape)):
        name = f"frame {', '.join(str(start + step) for start, step in zip(first, index, strict=False))}".strip()
        image = Image(as_array(block[index], name), pixel_size, name=name)
        tables[number] = locate_image(image, settings, model, _part_of(progress, number, len(tables))).table
    return tables.reshape(shape)


def _part_of(progress: "Callable[[float], object] | None", number: int, frames: int) -> "Callable[[float], object] | None":
    """What hears the progress of one frame as a part of that of all."""
    return None if progress is None else lambda part: progress((number + part) / frames)


def _share_processors() -> None:
    """On a Dask worker as many threads as it was given, so that the workers of a machine don't get in each other's way;
    what the user has set by ``set_threads`` stays."""
    distributed = sys.modules.get("distributed")
    if distributed is None or os.environ.get("ADATOM_THREADS"):
        return
    try:
        worker = distributed.get_worker()
    except ValueError:
        return
    _adatom.suggest_threads(max(1, worker.state.nthreads))
