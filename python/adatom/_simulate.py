"""Images of crystals with their truth."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _adatom
from ._check import count, number, positive, to_json
from ._crystal import material, zone_text
from ._image import PixelSize, PixelSizeLike, as_pixel_size
from ._locate import Progress, listen

#: Electrons in a picoampere times a microsecond.
ELECTRONS_PER_PA_US = 6.241509074


@dataclass(frozen=True, repr=False, eq=False)
class Sample:
    """A simulated image and the truth behind it.

    Attributes
    ----------
    image
        The noisy image, float32 ``[row, column]``, in units of the ideal image's peak.
    labels
        Images to learn or to compare with, by the names of the published library: ``"noNoise"``,
        ``"noBackgroundnoNoise"``, ``"noNoiseNoBackgroundSuperresolution"``, ``"gaussianMask"``, ``"circularMask"``, …
    columns
        A structured array with a row a labelled column: ``x_px`` and ``y_px`` [px], ``intensity`` [image unit × px²] and
        ``atoms``, their number along the beam.
    species
        Atoms of each element in every column.
    pixel_size
        Width and height of a pixel [Å].
    psnr_db
        Peak signal over noise [dB].
    settings
        What the sample was made with.
    info
        What else is known: ``radius_px`` of the circular mask, columns without a label (``ignored``), …
    """

    image: NDArray[np.float32]
    labels: dict[str, NDArray[np.float32]]
    columns: NDArray[np.void]
    species: list[dict[str, float]]
    pixel_size: PixelSize
    psnr_db: float
    settings: dict[str, Any]
    info: dict[str, Any]

    def __repr__(self) -> str:
        rows, columns = self.image.shape
        return (
            f"<adatom.Sample {self.settings['material']} [{self.settings['zone']}]: {columns} × {rows} px, "
            f"{len(self.columns)} columns>"
        )

    @property
    def positions(self) -> NDArray[np.float64]:
        """True positions of the labelled columns ``[column, (x, y)]`` [px]."""
        return np.column_stack([self.columns["x_px"], self.columns["y_px"]])


def sample_of(made: tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.float64]], str]) -> Sample:
    """What the native part made."""
    images, columns, known = made
    info: dict[str, Any] = json.loads(known)
    names = list(columns)
    table = np.empty(len(columns[names[0]]), dtype=[(name, np.float64) for name in names])
    for name in names:
        table[name] = columns[name]
    # Infinite, of an image without noise, is no number in JSON.
    psnr = info.pop("psnr_db")
    return Sample(
        image=images.pop("image"),
        labels=images,
        columns=table,
        species=info.pop("species"),
        pixel_size=PixelSize(*info.pop("pixel_angstrom")),
        psnr_db=np.inf if psnr is None else psnr,
        settings=info.pop("settings"),
        info=info,
    )


def simulate(
    crystal: Any,
    *,
    zone: str | tuple[int, int, int] = "001",
    optics: Mapping[str, Any] | None = None,
    model: Literal["linear", "multislice"] = "linear",
    pixel_size: PixelSizeLike = 0.1,
    shape: tuple[int, int] = (256, 256),
    thickness: float = 100.0,
    rotation: float = 0.0,
    dose: float = 1e4,
    dwell_us: float = 10.0,
    peak_fraction: float = 0.05,
    jitter: float = 0.0,
    background: float = 0.0,
    multislice: Mapping[str, Any] | None = None,
    seed: int = 1,
    progress: Progress = None,
) -> Sample:
    """Simulates an ADF-STEM image of a crystal, with its truth.

    Parameters
    ----------
    crystal
        The path of a CIF file, the name of a built-in material (:func:`adatom.material_names`), ASE ``Atoms`` with a
        three-dimensional cell, or a pymatgen ``Structure``.
    zone
        Zone axis: ``"110"``, ``"1 -1 0"`` or ``(1, -1, 0)``.
    optics
        The probe: ``energy_kv`` [kV] and ``semiangle_mrad`` [mrad], by default 200 and 24; and as far as they aren't 0
        ``source_fwhm_angstrom`` [Å] (default 0.8), ``defocus_angstrom`` (positive for underfocus),
        ``astigmatism2_angstrom``, ``coma_angstrom``, ``astigmatism3_angstrom`` [Å], ``c3_mm``, ``c5_mm`` [mm].
    model
        ``"linear"``: the object convolved with the probe; ``"multislice"``: the wave through the crystal
        (docs/multislice.md).
    pixel_size
        A number [Å] or a text such as ``"10pm"``; pixels are square.
    shape
        Rows and columns of the image.
    thickness
        Along the beam [Å].
    rotation
        Counter-clockwise on the screen [°].
    dose
        Electrons of the beam on the specimen [1/Å²].
    dwell_us
        Time at one position of the probe [µs].
    peak_fraction
        Part of the beam that the brightest point scatters onto the detector; multislice knows it itself.
    jitter
        Displacement of the rows, root mean square [Å].
    background
        Largest value of a smooth background, in units of the ideal image's peak.
    multislice
        Settings of a multislice simulation as in a recipe: ``detector_mrad``, ``configurations``, ``method``, …
    seed
        Decides the place of the crystal, background and noise.
    progress
        Called with the part of a multislice simulation that is done, 0 to 1.

    Returns
    -------
    Sample
    """
    size = as_pixel_size(pixel_size)
    if size is None or size.x != size.y:
        raise ValueError(f"pixel_size is {pixel_size!r}; simulated pixels are square and have a size")
    if model not in ("linear", "multislice"):
        raise ValueError(f"model is {model!r}; it must be 'linear' or 'multislice'")
    if multislice is not None and model == "linear":
        raise ValueError("multislice has settings, but the model is 'linear'")
    if np.shape(shape) != (2,):
        raise ValueError(f"shape is {shape!r}; it must be a pair (rows, columns)")
    rows, columns = (count("shape", side, 1) for side in shape)
    dwell = positive("dwell_us", dwell_us)
    current = positive("dose", dose) * size.x * size.y / (dwell * ELECTRONS_PER_PA_US)
    lens = {"energy_kv": 200, "semiangle_mrad": 24, "source_fwhm_angstrom": 0.8, **(optics or {}), "id": "optics"}
    with material(crystal) as path:
        recipe = {
            "name": "simulate",
            "image": {
                "width": columns,
                "height": rows,
                "field_of_view_angstrom": columns * size.x,
                "rotation_deg": number("rotation", rotation),
            },
            "imaging": {"model": model, **(multislice or {})},
            "optics": [lens],
            "structure": [{"material": path, "zone": zone_text(zone), "thickness_angstrom": number("thickness", thickness)}],
            "background": {"level": number("background", background)},
            "scan": {"sigma_jitter_angstrom": number("jitter", jitter)},
            "dose": {
                "current_pa": current,
                "dwell_us": dwell,
                "peak_fraction": number("peak_fraction", peak_fraction),
            },
        }
        generator = _adatom.Generator(to_json(recipe), count("seed", seed))
        generator.simulate(listen(progress))
        sample = sample_of(generator.sample(1))
    if path != crystal:
        sample.settings["material"] = path.rsplit("/", 1)[-1].removesuffix(".cif")
    return sample
