"""Locating and restoring."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from . import _adatom, _hyperspy, _stack
from ._check import names, number, to_json
from ._image import Image, PathLike, PixelSizeLike, as_image
from ._model import Model, as_model
from ._result import LocatedColumns, table_of

#: The maps of a network, by the names of the published library.
TASKS = ("circularMask", "gaussianMask", "noNoise", "noBackgroundnoNoise", "noNoiseNoBackgroundSuperresolution")

Progress: TypeAlias = Callable[[float], object] | None


def listen(progress: Progress) -> Callable[[str], object] | None:
    """What the native part tells, a number as JSON, to the user's function."""
    return None if progress is None else lambda told: progress(float(told))


def scale_of(scale: float | str) -> float | str:
    """A scale as the native part reads it: a text, or a number of Python's own."""
    return scale if isinstance(scale, str) else number("scale", scale)


def settings_of(
    method: str, scale: float | str, threshold: float, shape: str, sampling: str, gain: float | None, offset: float, descan: bool
) -> str:
    zero = number("offset", offset)
    if gain is None and zero:
        raise ValueError(f"offset is {zero:g}, but gain is None; give both, or neither to have them measured")
    return to_json(
        {
            "method": method,
            "scale": scale_of(scale),
            "threshold": number("threshold", threshold),
            "shape": shape,
            "sampling": sampling,
            "gain": None if gain is None else number("gain", gain),
            "offset": zero,
            "descan": bool(descan),
        }
    )


class LocateOptions(TypedDict, total=False):
    """What :func:`locate` takes beside an image."""

    method: str
    scale: float | str
    threshold: float
    pixel_size: PixelSizeLike
    shape: str
    sampling: str
    gain: float | None
    offset: float
    descan: bool
    model: Model | PathLike | None
    signal: str | int | None
    frame: int | None
    virtual: str | tuple[float, float] | None
    progress: Progress


@overload
def locate(image: PathLike | Image, **options: Unpack[LocateOptions]) -> LocatedColumns: ...
@overload
def locate(image: Any, **options: Unpack[LocateOptions]) -> Any: ...
def locate(
    image: Any,
    *,
    method: str = "centroid",
    scale: float | str = "auto",
    threshold: float = 0.5,
    pixel_size: PixelSizeLike = None,
    shape: str = "round",
    sampling: str = "point",
    gain: float | None = None,
    offset: float = 0.0,
    descan: bool = False,
    model: Model | PathLike | None = None,
    signal: str | int | None = None,
    frame: int | None = None,
    virtual: str | tuple[float, float] | None = None,
    progress: Progress = None,
) -> Any:
    """Finds and measures the atom columns of an image, or of every frame of a stack.

    Parameters
    ----------
    image
        A path, an :class:`adatom.Image`, an array ``[row, column]``, a HyperSpy ``Signal2D``, an Atomap ``Sublattice`` or
        ``Atom_Lattice``; or a stack, ``[..., row, column]``: an array, a Dask array or a (lazy) ``Signal2D``.
    method
        ``"centroid"``: weighted centres of the network's map; ``"otsu"``: the paper's localiser; ``"gaussian"``: Gaussians
        fitted by least squares; ``"mle"``: columns of one profile by Poisson's likelihood; ``"auto"``: the same with the
        rows' displacements solved for (docs/localisers.md).
    scale
        Factor from the image's pixels to the network's: ``"auto"``, or a number from 0.02 to 8; or the length of the
        shortest lattice vector at the network's scale, such as ``"22px"``.
    threshold
        Columns of a lower score are not reported, 0 to 1.
    pixel_size
        A number [Å], a text such as ``"9.4pm"``, or a pair (x, y) [Å]; by default what the image says.
    shape, sampling
        Of fits: columns ``"round"`` or ``"elliptical"``; pixels that are the image at a ``"point"`` or ``"integrated"`` over
        their area.
    gain, offset
        Of fits: image units an electron, and the value without electrons; by default both are measured.
    descan
        Of fits: solve for the displacement of every row.
    model
        A model or its path; by default the shipped network.
    signal, frame, virtual
        Which image of a file, see :func:`adatom.open`.
    progress
        Called with the part that is done, 0 to 1; not of a lazy stack, whose work Dask can tell of.

    Returns
    -------
    LocatedColumns or LocatedStack
        Of a stack that is lazy nothing is computed until its table is asked for.

    Raises
    ------
    ValueError, TypeError
        When the image or a setting can't be used.
    """
    settings = settings_of(method, scale, threshold, shape, sampling, gain, offset, descan)
    if _stack.is_stack(image):
        if any(choice is not None for choice in (signal, frame, virtual)):
            raise TypeError("signal, frame and virtual choose an image of a file; give its path")
        return _stack.locate_stack(image, settings, pixel_size, model, progress)
    chosen = as_image(image, pixel_size, signal=signal, frame=frame, virtual=virtual)
    return locate_image(chosen, settings, model, progress)


def locate_image(image: Image, settings: str, model: Model | PathLike | None, progress: Progress = None) -> LocatedColumns:
    """The columns of one image, by settings of :func:`settings_of`."""
    model = as_model(model)
    columns, maps, known = _adatom.locate(model._native, image.data, image.name, image.pixel_size, settings, listen(progress))
    rest = json.loads(known)
    rows = rest["rows"]
    return LocatedColumns(
        image=image,
        table=table_of(columns),
        maps=maps,
        scale=rest["scale"],
        fit=rest["fit"],
        rows=None if rows is None else np.asarray(rows, dtype=np.float64).reshape(-1, 2),
        warnings=rest["warnings"],
        seconds=rest["seconds"],
    )


def locate_table(image: NDArray[Any], **options: Unpack[LocateOptions]) -> NDArray[np.void]:
    """The table of :func:`locate` alone, of one image: a function of an array to an array, for ``dask.array.map_blocks``,
    ``Signal.map`` and the like."""
    return locate(image, **options).table  # type: ignore[no-any-return]


def restore(
    image: Any,
    tasks: Sequence[str] | str | None = None,
    *,
    scale: float | str = "auto",
    pixel_size: PixelSizeLike = None,
    model: Model | PathLike | None = None,
    signal: str | int | None = None,
    frame: int | None = None,
    virtual: str | tuple[float, float] | None = None,
    progress: Progress = None,
) -> Any:
    """Restores an image: denoised, without background, sharpened to superresolution, or where its columns are.

    Parameters
    ----------
    image
        As for :func:`locate`, one image.
    tasks
        One of ``"noNoise"``, ``"noBackgroundnoNoise"``, ``"noNoiseNoBackgroundSuperresolution"``, ``"gaussianMask"``,
        ``"circularMask"``, or several; by default all that the model has learnt.
    scale, pixel_size, model, signal, frame, virtual, progress
        As for :func:`locate`.

    Returns
    -------
    array, Signal2D, or dict of those by task
        float32 ``[row, column]`` in the image's pixels and unit, masks from 0 to 1; of a HyperSpy signal a signal with
        the same calibrated axes. A dict unless one task was asked for by its name.
    """
    chosen = as_image(image, pixel_size, signal=signal, frame=frame, virtual=virtual)
    model = as_model(model)
    if tasks is None:
        wanted = list(model.card["network"]["tasks"])
    else:
        wanted = names("tasks", tasks)
    told = to_json({"scale": scale_of(scale), "tasks": wanted})
    maps, _ = _adatom.restore(model._native, chosen.data, chosen.name, chosen.pixel_size, told, listen(progress))
    restored = {name: _hyperspy.like(image, maps[name], name) for name in wanted}
    return restored[tasks] if isinstance(tasks, str) else restored
