"""What columns and planned experiments tell."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _adatom
from ._check import number, pair, real_array, to_json
from ._crystal import material, zone_text
from ._image import PathLike, PixelSizeLike, as_image, as_pixel_size
from ._locate import Progress, listen, scale_of
from ._model import Model, as_model
from ._result import LocatedColumns, to_pandas

#: A row a column; ``site`` is -1 where the column fits no site of the lattice, and the numbers NaN.
PLACES = np.dtype(
    [
        ("x", np.float64),
        ("y", np.float64),
        ("i", np.int32),
        ("j", np.int32),
        ("site", np.int32),
        ("dx", np.float64),
        ("dy", np.float64),
        ("strain_xx", np.float64),
        ("strain_yy", np.float64),
        ("strain_xy", np.float64),
        ("rotation", np.float64),
    ]
)


@dataclass(frozen=True, eq=False)
class Lattice:
    """A lattice with its motif, in the unit of :class:`Analysis`.

    Attributes
    ----------
    origin
        Corner (x, y) of the cell (0, 0).
    a, b
        Its vectors (x, y): the two shortest, a the nearer to the x axis, b clockwise from it on the screen.
    shape
        ``"square"``, ``"rectangular"``, ``"hexagonal"``, ``"centred-rectangular"`` or ``"oblique"``.
    sites
        The motif: ``u`` and ``v`` in parts of a and b, the number of ``columns`` and their mean ``brightness``.
    sigma
        Robust standard deviation of the columns' displacements, per coordinate.
    """

    origin: NDArray[np.float64]
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    shape: str
    sites: list[dict[str, Any]]
    sigma: float

    @property
    def angle(self) -> float:
        """Angle from a to b [°]."""
        cosine = self.a @ self.b / np.sqrt((self.a @ self.a) * (self.b @ self.b))
        return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


@dataclass(frozen=True, repr=False, eq=False)
class Analysis:
    """The lattice of an image's columns and how they deviate from it.

    Attributes
    ----------
    unit
        ``"Å"``, or ``"px"`` where the pixel size is unknown: of all lengths here.
    lattice
        The lattice.
    table
        A structured array with a row a column, in the order of the columns: its place (``x``, ``y``), cell (``i``, ``j``) and
        ``site``, displacement (``dx``, ``dy``), and strain around it: ``strain_xx``, ``strain_yy``, ``strain_xy`` (half of the
        change of the right angle [rad]) and ``rotation`` [rad], clockwise on the screen.
    spacings
        Along the two directions that are usually quoted, each a dict with ``values``, their ``mean`` and ``sigma`` (``value``
        with a 95 % ``interval``), or ``None`` where there are too few.
    """

    unit: str
    lattice: Lattice
    table: NDArray[np.void]
    spacings: list[dict[str, Any] | None]

    def to_pandas(self) -> Any:
        """The table as a pandas ``DataFrame``."""
        return to_pandas(self.table)

    def __repr__(self) -> str:
        a, b = np.hypot(*self.lattice.a), np.hypot(*self.lattice.b)
        return f"<adatom.Analysis: {self.lattice.shape}, {a:.4g} × {b:.4g} {self.unit}, {self.lattice.angle:.1f}°>"


def analyse(columns: Any, *, brightness: Any = None, whole: bool = True) -> Analysis:
    """Finds the lattice of columns, whatever its motif, and measures displacements, strain and spacings.

    Parameters
    ----------
    columns
        :class:`LocatedColumns`, or positions ``[column, (x, y)]`` in ångström.
    brightness
        One number a column, to tell columns apart that are equal otherwise; by default the intensity of located columns.
    whole
        Leave out columns that the border cuts: their ``site`` is -1.

    Raises
    ------
    adatom.AnalysisError
        When there is no lattice, or too few columns for one.
    """
    unit = "Å"
    kept = None
    if isinstance(columns, LocatedColumns):
        table = columns.table
        if columns.image.pixel_size is None:
            unit, positions = "px", columns.positions
        else:
            positions = np.column_stack([table["x_angstrom"], table["y_angstrom"]])
        if brightness is None:
            brightness = table["intensity"]
        if whole:
            kept = columns.whole
    else:
        positions = real_array("columns", columns).astype(np.float64)
        if positions.ndim != 2 or positions.shape[1] != 2:
            raise ValueError(f"columns have the shape {positions.shape}; positions have (n, 2): a row (x, y) a column")
    bright = np.ones(len(positions)) if brightness is None else real_array("brightness", brightness).astype(np.float64)
    if bright.shape != (len(positions),):
        raise ValueError(f"brightness has the shape {bright.shape}; {len(positions)} columns have ({len(positions)},)")
    chosen = np.arange(len(positions)) if kept is None else np.flatnonzero(kept)
    found = json.loads(_adatom.analyse(np.ascontiguousarray(positions[chosen]), np.ascontiguousarray(bright[chosen])))
    places = np.zeros(len(positions), dtype=PLACES)
    places["x"], places["y"] = positions.T
    places["site"] = -1
    for name in ("dx", "dy", "strain_xx", "strain_yy", "strain_xy", "rotation"):
        places[name] = np.nan
    for names, key in (
        (("i", "j", "site"), "places"),
        (("dx", "dy"), "residuals"),
        (("strain_xx", "strain_yy", "strain_xy", "rotation"), "strain"),
    ):
        for column, values in zip(chosen, found[key], strict=True):
            if values is not None:
                for name, value in zip(names, values, strict=True):
                    places[name][column] = value
    for spacings in found["spacings"]:
        if spacings is not None:
            spacings["pairs"] = chosen[np.asarray(spacings["pairs"], dtype=np.int64)]
            spacings["values"] = np.asarray(spacings["values"], dtype=np.float64)
    origin, a, b = (np.asarray(found[name], dtype=np.float64) for name in ("origin", "a", "b"))
    lattice = Lattice(origin, a, b, found["shape"], found["sites"], found["sigma"])
    return Analysis(unit, lattice, places, found["spacings"])


def precision(
    image: Any,
    *,
    pixel_size: PixelSizeLike = None,
    scale: float | str = "auto",
    model: Model | PathLike | None = None,
    progress: Progress = None,
) -> dict[str, Any]:
    """How precisely the columns of an image are known, from its lattice: the spacings by every localiser.

    Parameters
    ----------
    image, pixel_size, scale, model, progress
        As for :func:`adatom.locate`, one image whose pixel size is known.

    Returns
    -------
    dict
        ``axes_angstrom`` [Å] and ``angle_deg`` [°] of the lattice, its ``sites`` and ``columns``, and ``results`` by
        localiser (``method``), ``image`` (raw or denoised) and ``axis``: ``n`` spacings, ``mean_pm``, ``sigma_pm`` with its 95 %
        interval, ``noise_pm`` and ``disorder_pm``, the parts of measurement and sample [pm], and ``frames_for_1_pm``.
    """
    chosen = as_image(image, pixel_size)
    if chosen.pixel_size is None:
        raise ValueError(f"{chosen.name}: its pixel size is unknown, and picometres need it; give pixel_size such as '9.4pm'")
    told = to_json(scale_of(scale))
    found: dict[str, Any] = json.loads(
        _adatom.precision(as_model(model)._native, chosen.data, chosen.name, chosen.pixel_size, told, listen(progress))
    )
    return found


def bound(
    crystal: Any,
    *,
    zone: str | tuple[int, int, int],
    energy_kv: float,
    semiangle_mrad: float,
    pixel_size: PixelSizeLike,
    dose: float | Sequence[float] | NDArray[Any],
    thickness: float = 100.0,
    rotation: float = 0.0,
    merge: float = 0.4,
    source_size: float = 0.8,
    defocus_angstrom: float = 0.0,
    c3_mm: float = 0.0,
    c5_mm: float = 0.0,
    detector_mrad: Sequence[float] | NDArray[Any] = (80.0, 200.0),
    peak_fraction: float | None = None,
    background: float = 0.1,
    jitter: float = 0.0,
) -> dict[str, Any]:
    """How precisely a planned experiment can locate a crystal's columns, and which it would miss (docs/planning.md).

    Parameters
    ----------
    crystal, zone
        As for :func:`adatom.simulate`.
    energy_kv, semiangle_mrad
        Beam energy [kV] and convergence semi-angle [mrad].
    pixel_size
        A number [Å], a text such as ``"10pm"``, or a pair (x, y) [Å].
    dose
        Electrons of the beam on the specimen [1/Å²], or several such doses.
    thickness
        Along the beam [Å].
    rotation
        Counter-clockwise on the screen [°].
    merge
        Atoms closer than this in projection make one column [Å].
    source_size
        Full width at half maximum of the source's image [Å].
    defocus_angstrom, c3_mm, c5_mm
        Defocus, positive for underfocus [Å], and spherical aberrations [mm].
    detector_mrad
        Inner and outer semi-angle of the detector [mrad].
    peak_fraction
        Part of the beam that the brightest point scatters onto the detector; by default from cross-sections.
    background
        A constant one, in units of the brightest point.
    jitter
        Displacement of the rows along x and y, root mean square [Å].

    Returns
    -------
    dict
        ``results`` by ``dose`` and ``kind`` of column: ``bound_pm``, ``jitter_pm`` and ``total_pm`` along x and y [pm],
        ``frames_for_1_pm``, ``missed`` (the chance not to see it), ``electrons``; and ``peak_fraction``, ``warnings``.
    """
    size = as_pixel_size(pixel_size)
    if size is None:
        raise ValueError("pixel_size is None; a planned experiment has one")
    with material(crystal) as path:
        experiment = {
            "structure": path,
            "zone": zone_text(zone),
            "rotation_deg": number("rotation", rotation),
            "thickness_angstrom": number("thickness", thickness),
            "merge_angstrom": number("merge", merge),
            "energy_kv": number("energy_kv", energy_kv),
            "semiangle_mrad": number("semiangle_mrad", semiangle_mrad),
            "aberrations": {
                "defocus_angstrom": number("defocus_angstrom", defocus_angstrom),
                "c3_mm": number("c3_mm", c3_mm),
                "c5_mm": number("c5_mm", c5_mm),
            },
            "source_fwhm_angstrom": number("source_size", source_size),
            "detector_mrad": pair("detector_mrad", detector_mrad, "inner, outer"),
            "peak_fraction": None if peak_fraction is None else number("peak_fraction", peak_fraction),
            "pixel_angstrom": list(size),
            "background": number("background", background),
            "jitter_angstrom": number("jitter", jitter),
            "doses": [number("dose", one) for one in np.atleast_1d(real_array("dose", dose))],
        }
        found: dict[str, Any] = json.loads(_adatom.bound(to_json(experiment)))
    return found
