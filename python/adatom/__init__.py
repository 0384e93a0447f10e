"""Finds, measures and restores every atom column in an atomic-resolution ADF-STEM image.

>>> import adatom
>>> image = adatom.open("image.dm4")                    # doctest: +SKIP
>>> result = adatom.locate(image)                       # doctest: +SKIP
>>> result.to_pandas()[["x_angstrom", "y_angstrom"]]    # doctest: +SKIP

Arrays are ``[row, column]`` with row 0 on top. Positions are ``(x, y)`` in pixels of the image that was given, x to the
right, y down, the centre of the first pixel at (0, 0); in ångström, too, when the pixel size is known.
"""

from ._adatom import (
    AnalysisError,
    FormatError,
    __version__,
    material_names,
    recipe_names,
    set_threads,
    threads,
)
from ._analyse import Analysis, Lattice, analyse, bound, precision
from ._image import Image, PixelSize, describe, open
from ._library import Library
from ._locate import locate, locate_table, restore
from ._model import Model, to_onnx
from ._result import TABLE, LocatedColumns
from ._simulate import Sample, simulate
from ._stack import LocatedStack, concatenate
from ._stream import Batch, Stream, stream
from ._train import Adaptation, adapt, train

__all__ = [
    "TABLE",
    "Adaptation",
    "Analysis",
    "AnalysisError",
    "Batch",
    "FormatError",
    "Image",
    "Lattice",
    "Library",
    "LocatedColumns",
    "LocatedStack",
    "Model",
    "PixelSize",
    "Sample",
    "Stream",
    "__version__",
    "adapt",
    "analyse",
    "bound",
    "concatenate",
    "describe",
    "locate",
    "locate_table",
    "material_names",
    "open",
    "precision",
    "recipe_names",
    "restore",
    "set_threads",
    "simulate",
    "stream",
    "threads",
    "to_onnx",
    "train",
]
