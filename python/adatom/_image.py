"""Images from files, arrays and other packages."""

import json
import os
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import _adatom
from ._check import count, number, real_array

PathLike: TypeAlias = str | os.PathLike[str]


class PixelSize(NamedTuple):
    """Width and height of a pixel [Å]."""

    x: float
    y: float


PixelSizeLike: TypeAlias = PixelSize | tuple[float, float] | NDArray[Any] | float | str | None


def as_pixel_size(given: PixelSizeLike) -> PixelSize | None:
    """A pixel size from a number [Å], a text with a unit such as ``"9.4pm"``, or a pair (x, y) [Å]."""
    if given is None:
        return None
    if isinstance(given, str):
        return PixelSize(*_adatom.parse_pixel_size(given))
    if isinstance(given, tuple | list) or (isinstance(given, np.ndarray) and given.ndim == 1):
        if len(given) != 2:
            raise ValueError(f"pixel_size has {len(given)} numbers; it must be one, or a pair (x, y), in Å")
        x, y = given
    elif isinstance(given, int | float | np.number | np.ndarray):
        x = y = given
    else:
        raise TypeError(f"pixel_size is a {type(given).__name__}; it must be a number in Å, a pair (x, y), or a text such as '9.4pm'")
    # Read as a text, so that what is no pixel size is refused in the same words.
    return PixelSize(*(_adatom.parse_pixel_size(f"{number('pixel_size', side)!r}A")[0] for side in (x, y)))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Image:
    """One greyscale image.

    Attributes
    ----------
    data
        Pixel values, ``[row, column]``, float32, in the unit of the file.
    pixel_size
        Width and height of a pixel [Å]; ``None`` if unknown. May be given as to :func:`adatom.locate`.
    metadata
        How it was taken, as far as the file says: ``energy_kv`` [kV], ``semiangle_mrad`` [mrad], ``dwell_us`` [µs],
        ``detector`` and others (docs/formats.md).
    name
        Where it came from, for messages.
    info
        What else the file says: ``format``, ``signal``, ``sample_type``, ``frame``, ``frames``, ``notes``; of a HyperSpy
        signal its axes and metadata, ``hyperspy``.
    """

    data: NDArray[np.float32]
    pixel_size: PixelSize | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    name: str = "image"
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.pixel_size, PixelSize):
            object.__setattr__(self, "pixel_size", as_pixel_size(self.pixel_size))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.data.shape
        return rows, columns

    def __repr__(self) -> str:
        size = "pixel size unknown" if self.pixel_size is None else f"pixel {_size(self.pixel_size)}"
        rows, columns = self.shape
        return f"<adatom.Image {self.name}: {columns} × {rows} px, {size}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy:
            return np.array(self.data, dtype=dtype)
        return np.asarray(self.data, dtype=dtype)


def _size(size: PixelSize) -> str:
    return f"{size.x:.6g} Å" if size.x == size.y else f"{size.x:.6g} × {size.y:.6g} Å"


def open(
    path: PathLike, *, signal: str | int | None = None, frame: int | None = None, virtual: str | tuple[float, float] | None = None
) -> Image:
    """Opens an image of a microscope's file: DM3, DM4, EMD, SER, EMI, MRC, hspy, zspy, HDF5, NPY, TIFF, PNG, JPEG, BMP.

    Parameters
    ----------
    path
        The file; its content decides the format.
    signal
        Name or number of the signal of a file with several; by default the image of a STEM detector, HAADF first.
    frame
        Frame of a stack, from 0.
    virtual
        Makes an image of spectra or diffraction patterns: ``"sum"``, or a band ``(from, to)`` in the unit of the
        spectrum's axis or of the pattern's radius.

    Raises
    ------
    FileNotFoundError, PermissionError, adatom.FormatError
        With what was found and what would be right.
    """
    band: tuple[float, float] | None
    match virtual:
        case None:
            band = None
        case "sum":
            band = (-np.inf, np.inf)
        case (first, last):
            band = (number("virtual", first), number("virtual", last))
        case other:
            raise ValueError(f"virtual is {other!r}; it must be 'sum' or a pair (from, to)")
    chosen = None if frame is None else count("frame", frame)
    data, sides, known = _adatom.read_image(path, None if signal is None else str(signal), chosen, band)
    info: dict[str, Any] = json.loads(known)
    metadata = info.pop("metadata")
    return Image(data, None if sides is None else PixelSize(*sides), metadata, os.fspath(path), info)


def describe(path: PathLike, *, stats: bool = False, tags: bool = False) -> dict[str, Any]:
    """What is in a file: its signals with their axes, how they were taken, warnings.

    Parameters
    ----------
    stats
        Also the sum, the extremes and the first and last values of every signal.
    tags
        Also the file's own tags.
    """
    found: dict[str, Any] = json.loads(_adatom.describe(path, stats, tags))
    return found


def as_array(given: Any, name: str) -> NDArray[np.float32]:
    """A two-dimensional array of finite numbers as the native part takes it: no copy if it is float32 and in C order."""
    array = real_array(name, given)
    if array.ndim != 2:
        hint = ": a colour image? give one channel or a mean" if array.ndim == 3 and array.shape[-1] in (3, 4) else ""
        raise ValueError(f"{name}: the array has the shape {array.shape}; an image has two axes, [row, column]{hint}")
    return np.ascontiguousarray(array, dtype=np.float32)


def as_image(given: Any, pixel_size: PixelSizeLike = None, **choice: Any) -> Image:
    """An image of whatever holds one: a path, an :class:`Image`, an array, a HyperSpy ``Signal2D``, an Atomap
    ``Sublattice`` or ``Atom_Lattice``. ``pixel_size`` goes before what that says."""
    size = as_pixel_size(pixel_size)
    if isinstance(given, str | os.PathLike):
        image = open(given, **choice)
    elif any(value is not None for value in choice.values()):
        raise TypeError("signal, frame and virtual choose an image of a file; give its path")
    elif isinstance(given, Image):
        image = given
    else:
        from . import _atomap, _hyperspy

        image = _hyperspy.image_of(given) or _atomap.image_of(given) or Image(as_array(given, "image"))
    data = as_array(image.data, image.name)
    return Image(data, size or image.pixel_size, image.metadata, image.name, image.info)
