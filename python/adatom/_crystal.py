"""Crystals of ASE and pymatgen as CIF files."""

import contextlib
import operator
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._check import to_json
from ._image import PathLike

#: A site: the place in parts of the cell's vectors, and its species with their occupancies.
Site: TypeAlias = tuple[tuple[float, ...], dict[str, float]]


@contextlib.contextmanager
def material(crystal: Any) -> Iterator[str]:
    """The name of a built-in material or the path of a CIF file, of whatever describes a crystal; a file that had to be
    written is gone afterwards."""
    if isinstance(crystal, str | os.PathLike):
        yield os.fspath(crystal)
        return
    cell, sites, name = _described(crystal)
    if not sites:
        raise ValueError(f"the crystal, a {type(crystal).__name__}, has no atoms")
    with tempfile.TemporaryDirectory(prefix="adatom-") as folder:
        path = Path(folder) / f"{name}.cif"
        path.write_text(_cif(cell, sites, name))
        yield str(path)


def _described(crystal: Any) -> tuple[tuple[float, ...], list[Site], str]:
    atoms = getattr(sys.modules.get("ase"), "Atoms", None)
    if atoms is not None and isinstance(crystal, atoms):
        if crystal.cell.rank < 3:
            raise ValueError(f"the atoms of {crystal!r} have no three-dimensional cell; a crystal is needed")
        places = crystal.get_scaled_positions(wrap=True)
        pairs = zip(places, _occupancies(crystal), strict=True)
        sites: list[Site] = [(tuple(map(float, place)), species) for place, species in pairs]
        return tuple(map(float, crystal.cell.cellpar())), sites, str(crystal.get_chemical_formula())
    core = sys.modules.get("pymatgen.core.structure")
    if core is not None and isinstance(crystal, core.IStructure):
        sites = [(tuple(map(float, site.frac_coords % 1.0)), _species(site.species.items())) for site in crystal]
        return tuple(map(float, crystal.lattice.parameters)), sites, str(crystal.composition.reduced_formula)
    raise TypeError(
        f"the crystal is a {type(crystal).__name__}; give a built-in material's name, the path of a CIF file, ASE Atoms or a "
        "pymatgen Structure"
    )


def _occupancies(atoms: Any) -> list[dict[str, float]]:
    """The species of each of ASE's atoms. An atom stands for all species of its site, which ``info`` lists by the
    site's kind."""
    symbols = [str(symbol) for symbol in atoms.symbols]
    listed = {int(kind): {str(s): float(part) for s, part in site.items()} for kind, site in atoms.info.get("occupancy", {}).items()}
    if all(site == dict.fromkeys(site, 1.0) and len(site) == 1 for site in listed.values()):
        return [{symbol: 1.0} for symbol in symbols]
    kinds = atoms.arrays.get("spacegroup_kinds")
    if kinds is None:
        raise ValueError(
            f"{atoms!r} has occupancies in its info, but no spacegroup_kinds that say which atoms they belong to; keep that array, "
            "or give the CIF file"
        )
    for number, (kind, symbol) in enumerate(zip(kinds, symbols, strict=True)):
        if symbol not in listed.get(int(kind), {}):
            raise ValueError(f"atom {number} of {atoms!r} is {symbol}, which the occupancies of its kind, {kind}, lack; give the CIF file")
    return [listed[int(kind)] for kind in kinds]


def _species(items: Any) -> dict[str, float]:
    species: dict[str, float] = {}
    for kind, part in items:
        # Oxidation states don't scatter here.
        symbol = getattr(kind, "element", kind).symbol
        species[symbol] = species.get(symbol, 0.0) + float(part)
    return species


def _cif(cell: tuple[float, ...], sites: list[Site], name: str) -> str:
    keys = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = [f"data_{name}", *(f"_cell_{key} {value:.9f}" for key, value in zip(keys, cell, strict=True))]
    lines += ["_symmetry_space_group_name_H-M 'P 1'", "_symmetry_Int_Tables_number 1"]
    lines += ["loop_", "_symmetry_equiv_pos_as_xyz", "'x, y, z'", "loop_"]
    columns = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
    lines += [f"_atom_site_{column}" for column in columns]
    for number, ((x, y, z), species) in enumerate(sites, 1):
        for symbol, part in species.items():
            if part <= 0:
                continue
            lines.append(f"{symbol}{number} {symbol} {x:.9f} {y:.9f} {z:.9f} {part:.6f}")
    return "\n".join(lines) + "\n"


def zone_text(zone: str | Sequence[int] | NDArray[np.integer[Any]]) -> str:
    """A zone axis as the native part reads it."""
    if isinstance(zone, str):
        return zone
    try:
        return " ".join(str(operator.index(index)) for index in zone)
    except TypeError:
        raise TypeError(f"zone is {zone!r}; it must be whole numbers such as (1, 1, 0), or a text such as '110'") from None


def recipe_text(recipe: "PathLike | dict[str, Any]") -> str:
    """A recipe as the native part reads it: a name, a path, or the JSON text of a dict."""
    return to_json(recipe) if isinstance(recipe, dict) else os.fspath(recipe)
