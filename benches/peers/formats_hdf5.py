"""The HDF5 files that adatom writes, opened by HyperSpy, RosettaSciIO and ncempy.

    formats_hdf5.py FOLDER

FOLDER holds map.hspy and map.emd, as the example `write_hdf5` of adatom-formats writes them:

    cargo run -p adatom-formats --example write_hdf5 -- FOLDER

Needs Python 3.11 with hyperspy (2.0 or later), rosettasciio and ncempy. Every line is a check; the
first that fails ends the run.
"""

import sys
from pathlib import Path

import hyperspy.api as hs
import numpy as np
from ncempy.io.emd import fileEMD
from rsciio.emd import file_reader as read_emd
from rsciio.hspy import file_reader as read_hspy

HEIGHT, WIDTH = 40, 60
STEP_Y, STEP_X = 0.025, 0.05
MARKERS = np.array([[1.0, 2.0], [30.0, 0.5], [59.0, 39.0]])
IMAGE = (np.arange(HEIGHT * WIDTH, dtype="float32") * 0.5 - 3).reshape(HEIGHT, WIDTH)


def check(what, good):
    print("ok " if good else "BAD", what)
    if not good:
        sys.exit(1)


def axes_of(signal):
    return [(axis["name"], axis["size"], axis["units"], axis["scale"], axis["offset"]) for axis in signal["axes"]]


def same_axes(axes):
    expected = [("y", HEIGHT, "nm", STEP_Y, 0.0), ("x", WIDTH, "nm", STEP_X, 0.0)]
    return all(
        ours[:3] == theirs[:3] and np.allclose(ours[3:], theirs[3:], rtol=1e-9, atol=1e-12)
        for ours, theirs in zip(axes, expected, strict=True)
    )


def main(folder):
    (signal,) = read_hspy(folder / "map.hspy")
    check("rosettasciio reads map.hspy", np.array_equal(signal["data"], IMAGE))
    check("its axes", same_axes(axes_of(signal)))

    signal = hs.load(folder / "map.hspy")
    check("hyperspy makes it a Signal2D", isinstance(signal, hs.signals.Signal2D))
    check("of float32 with the same values", signal.data.dtype == "float32" and np.array_equal(signal.data, IMAGE))
    check("called by its title", signal.metadata.General.title == "a map")
    axes = [(a.name, a.size, a.units, a.scale, a.offset) for a in signal.axes_manager._axes]
    check("with axes in nm", same_axes(axes))
    points = signal.metadata.Markers.Points
    offsets = np.asarray(points.kwargs["offsets"])
    check("with markers that are Points", type(points).__name__ == "Points")
    check("in nm", np.allclose(offsets, MARKERS * [STEP_X, STEP_Y], rtol=1e-12))
    signal.plot()
    check("that plot", len(signal._plot.signal_plot.ax_markers) == 1)
    lazy = hs.load(folder / "map.hspy", lazy=True)
    check("also lazily", np.array_equal(lazy.data.compute(), IMAGE))
    signal.save(folder / "again.hspy", overwrite=True)
    check("and saves again", np.array_equal(hs.load(folder / "again.hspy").data, IMAGE))

    (signal,) = read_emd(folder / "map.emd")
    check("rosettasciio reads map.emd", np.array_equal(signal["data"], IMAGE))
    check("its axes", same_axes(axes_of(signal)))
    check("its title", signal["metadata"]["General"]["title"] == "a map")
    check("hyperspy makes it a Signal2D", isinstance(hs.load(folder / "map.emd"), hs.signals.Signal2D))

    emd = fileEMD(str(folder / "map.emd"))
    check("ncempy finds one group", len(emd.list_emds) == 1)
    data, dims = emd.get_emdgroup(emd.list_emds[0])
    check("with the image as [x, y]", np.array_equal(np.asarray(data), IMAGE.T))
    names = [name.decode() if isinstance(name, bytes) else name for _, name, _ in dims]
    check("and dims of these names", names == ["x", "y"])
    check("in steps of nm", np.allclose(np.diff(dims[0][0]), STEP_X) and np.allclose(np.diff(dims[1][0]), STEP_Y))


if __name__ == "__main__":
    import matplotlib

    matplotlib.use("agg")
    main(Path(sys.argv[1]))
