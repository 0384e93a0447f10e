"""Atomap's lattices in and out."""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _adatom
from ._image import Image, PixelSize, as_array

if TYPE_CHECKING:
    from ._result import LocatedColumns


def image_of(given: Any) -> Image | None:
    """The image of a ``Sublattice`` or ``Atom_Lattice``; ``None`` of anything else."""
    for module, name in (("atomap.sublattice", "Sublattice"), ("atomap.atom_lattice", "Atom_Lattice")):
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(given, kind):
            return Image(as_array(given.image, given.name or name), _pixel_size(given), name=given.name or name)
    return None


def _pixel_size(given: Any) -> PixelSize | None:
    try:
        side = _adatom.parse_pixel_size(f"{float(given.pixel_size)!r}{given.units}")[0]
    except (AttributeError, TypeError, ValueError):
        return None
    return PixelSize(side, side)


def atom_lattice(result: "LocatedColumns", sites: bool) -> Any:
    from atomap.atom_lattice import Atom_Lattice
    from atomap.sublattice import Sublattice

    size = result.image.pixel_size
    if size is not None and not np.isclose(size.x, size.y, rtol=1e-3):
        raise ValueError(f"the pixels are {size.x} × {size.y} Å; Atomap knows square ones alone")

    def sublattice(columns: Any, name: str) -> Any:
        return Sublattice(result.positions[columns], image=result.image.data, name=name)

    if sites:
        from ._analyse import analyse

        site = analyse(result).table["site"]
        lattices = [sublattice(site == number, f"site {number}") for number in range(site.max() + 1)]
    else:
        lattices = [sublattice(slice(None), "columns")]
    lattice = Atom_Lattice(image=result.image.data, name=result.image.name, sublattice_list=lattices)
    if size is not None:
        lattice.set_scale(size.x / 10, "nm")
    return lattice
