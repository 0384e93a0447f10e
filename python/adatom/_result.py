"""What was found in an image."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._image import Image

if TYPE_CHECKING:
    import pandas
    import polars

#: The columns of the table: those of ``atoms.csv``, whose units and meanings the README lists. What isn't known is NaN.
TABLE = np.dtype(
    [
        ("id", np.int64),
        ("x_px", np.float64),
        ("y_px", np.float64),
        ("x_angstrom", np.float64),
        ("y_angstrom", np.float64),
        ("intensity", np.float64),
        ("background", np.float64),
        ("radius_px", np.float64),
        ("score", np.float64),
        ("flags", "U64"),
        ("x_std_px", np.float64),
        ("y_std_px", np.float64),
        ("x_std_angstrom", np.float64),
        ("y_std_angstrom", np.float64),
        ("sigma_major_px", np.float64),
        ("sigma_minor_px", np.float64),
        ("angle_deg", np.float64),
        ("height", np.float64),
    ]
)


def table_of(columns: dict[str, Any]) -> NDArray[np.void]:
    """A structured array of the columns' arrays."""
    table = np.empty(len(columns["id"]), dtype=TABLE)
    for name in TABLE.names or ():
        table[name] = columns[name]
    return table


def to_pandas(table: NDArray[np.void]) -> "pandas.DataFrame":
    import pandas

    return pandas.DataFrame({name: table[name] for name in table.dtype.names or ()})


def to_polars(table: NDArray[np.void]) -> "polars.DataFrame":
    import polars

    columns = {}
    for name in table.dtype.names or ():
        column = np.ascontiguousarray(table[name])
        columns[name] = column.tolist() if column.dtype.kind == "U" else column
    return polars.DataFrame(columns)


@dataclass(frozen=True, repr=False, eq=False)
class LocatedColumns:
    """The columns of an image.

    Attributes
    ----------
    image
        The image.
    table
        A structured array with a row a column, from top to bottom and left to right, see :data:`adatom.TABLE`.
    maps
        The network's maps, float32 ``[row, column]`` in the image's pixels and unit, by the names of
        :func:`adatom.restore`.
    scale
        ``factor`` from the image's pixels to the network's, the spacing ``measured`` [px] and whether that was
        ``corrected``.
    fit
        What a fit found out about the image, such as its noise; ``None`` without one.
    rows
        With ``descan`` the displacement of every row along x and y [px], ``[row, (x, y)]``.
    warnings
        Things you should know.
    seconds
        Time spent on each stage [s].
    """

    image: Image
    table: NDArray[np.void]
    maps: dict[str, NDArray[np.float32]]
    scale: dict[str, Any]
    fit: dict[str, Any] | None
    rows: NDArray[np.float64] | None
    warnings: list[str]
    seconds: dict[str, float]

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"<adatom.LocatedColumns: {len(self)} columns in {self.image.name}, scale {self.scale['factor']:.3f}>"

    @property
    def positions(self) -> NDArray[np.float64]:
        """Positions ``[column, (x, y)]`` [px]."""
        return np.column_stack([self.table["x_px"], self.table["y_px"]])

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Which columns the border doesn't cut."""
        return np.char.find(self.table["flags"], "border") < 0

    def to_pandas(self) -> "pandas.DataFrame":
        """The table as a pandas ``DataFrame``."""
        return to_pandas(self.table)

    def to_polars(self) -> "polars.DataFrame":
        """The table as a Polars ``DataFrame``."""
        return to_polars(self.table)

    def to_hyperspy(self) -> Any:
        """The image as a HyperSpy ``Signal2D`` with calibrated axes and the columns as a permanent marker."""
        from . import _hyperspy

        return _hyperspy.with_markers(self)

    def to_atomap(self, *, sites: bool = False) -> Any:
        """The columns as an Atomap ``Atom_Lattice``.

        Parameters
        ----------
        sites
            A ``Sublattice`` for each site of the lattice's motif, the brightest first, instead of one for all columns;
            columns that fit no site are left out then.
        """
        from . import _atomap

        return _atomap.atom_lattice(self, sites)

    def plot(self, ax: Any = None, *, scale_bar: bool = True, **options: Any) -> Any:
        """Draws the image with a ring on every column, in your Matplotlib style.

        Parameters
        ----------
        ax
            Axes to draw on; by default those of a new figure.
        scale_bar
            Whether to draw a bar of a round length, where the pixel size is known.
        options
            Of ``Axes.scatter`` for the rings, such as ``edgecolors`` or ``s`` [pt²].

        Returns
        -------
        matplotlib.axes.Axes
        """
        from . import _plot

        return _plot.plot(self, ax, scale_bar, options)
