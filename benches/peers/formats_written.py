"""Everything that `adatom convert` writes, opened by the programs that it is for.

    benches/peers/formats_written.sh

An image with pixels of 0.5 x 0.25 A and a table of columns are made, the program ($ADATOM, default:
target/release/adatom) turns them into every format, and HyperSpy, RosettaSciIO, ncempy, tifffile,
NumPy, Pillow, imageio, ASE and gemmi read them. Every line is a check; the first that fails ends the run.
"""

import os
import subprocess
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import ase.io
import gemmi
import h5py
import hyperspy.api as hs
import imageio.v3 as imageio
import numpy as np
import tifffile
from ncempy.io.emd import fileEMD
from PIL import Image
from rsciio.emd import file_reader as read_emd
from rsciio.hspy import file_reader as read_hspy
from rsciio.tiff import file_reader as read_tiff

REPOSITORY = Path(__file__).resolve().parents[2]
ADATOM = os.environ.get("ADATOM", str(REPOSITORY / "target/release/adatom"))

HEIGHT, WIDTH = 40, 60
# Of a pixel, in nm.
STEP_Y, STEP_X = 0.025, 0.05
MARKERS = np.array([[1.0, 2.0], [30.0, 0.5], [59.0, 39.0]])
IMAGE = (np.arange(HEIGHT * WIDTH, dtype="float32") * 0.5 - 3).reshape(HEIGHT, WIDTH)
# As atoms.csv has them, y down, and as crystallographers see them, y up.
ANGSTROM = MARKERS * [10 * STEP_X, 10 * STEP_Y]
UPRIGHT = ANGSTROM * [1, -1]
SCORES = [0.875, 0.5, 1.0]


def check(what, good):
    print("ok " if good else "BAD", what)
    if not good:
        sys.exit(1)


def axes_of(signal):
    return [(axis["name"], axis["size"], axis["units"], axis["scale"], axis["offset"]) for axis in signal["axes"]]


def same_axes(axes, names=("y", "x")):
    expected = [(names[0], HEIGHT, "nm", STEP_Y, 0.0), (names[1], WIDTH, "nm", STEP_X, 0.0)]
    return all(
        ours[:3] == theirs[:3] and np.allclose(ours[3:], theirs[3:], rtol=1e-9, atol=1e-12)
        for ours, theirs in zip(axes, expected, strict=True)
    )


def write_inputs(folder):
    """The image with its calibration, as a file of HyperSpy's, and the table."""
    with h5py.File(folder / "in.hspy", "w") as file:
        file.attrs["file_format"] = "HyperSpy"
        file.attrs["file_format_version"] = "3.1"
        signal = file.create_group("Experiments/map")
        signal["data"] = IMAGE
        signal.create_group("metadata/General").attrs["title"] = "a map"
        signal.create_group("metadata/Signal").attrs["signal_type"] = ""
        for number, (name, size, scale) in enumerate([("y", HEIGHT, STEP_Y), ("x", WIDTH, STEP_X)]):
            axis = signal.create_group(f"axis-{number}")
            facts = {"_type": "UniformDataAxis", "name": name, "size": size, "scale": scale}
            axis.attrs.update(facts | {"offset": 0.0, "units": "nm", "navigate": False})
    lines = ["id,x_px,y_px,x_angstrom,y_angstrom,intensity,background,radius_px,score,flags"]
    for number, ((x, y), (right, down), score) in enumerate(zip(MARKERS, ANGSTROM, SCORES, strict=True)):
        lines.append(f"{number + 1},{x:.4f},{y:.4f},{right:.5f},{down:.5f},{number + 0.5},,2.000,{score},")
    (folder / "atoms.csv").write_text("\n".join(lines) + "\n")


def convert(folder, name, *options):
    source = folder / ("atoms.csv" if name.endswith((".xyz", ".cif")) else "in.hspy")
    subprocess.run([ADATOM, "convert", source, folder / name, *options], check=True, stdout=subprocess.DEVNULL)
    return folder / name


def hspy(path):
    (signal,) = read_hspy(path)
    check("rosettasciio reads map.hspy", np.array_equal(signal["data"], IMAGE))
    check("its axes", same_axes(axes_of(signal)))
    signal = hs.load(path)
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
    lazy = hs.load(path, lazy=True)
    check("also lazily", np.array_equal(lazy.data.compute(), IMAGE))
    again = path.with_name("again.hspy")
    signal.save(again, overwrite=True)
    check("and saves again", np.array_equal(hs.load(again).data, IMAGE))


def emd(path):
    (signal,) = read_emd(path)
    check("rosettasciio reads map.emd", np.array_equal(signal["data"], IMAGE))
    check("its axes", same_axes(axes_of(signal)))
    check("its title", signal["metadata"]["General"]["title"] == "a map")
    check("hyperspy makes it a Signal2D", isinstance(hs.load(path), hs.signals.Signal2D))
    file = fileEMD(str(path))
    check("ncempy finds one group", len(file.list_emds) == 1)
    data, dims = file.get_emdgroup(file.list_emds[0])
    check("with the image as [x, y]", np.array_equal(np.asarray(data), IMAGE.T))
    names = [name.decode() if isinstance(name, bytes) else name for _, name, _ in dims]
    check("and dims of these names", names == ["x", "y"])
    check("in steps of nm", np.allclose(np.diff(dims[0][0]), STEP_X) and np.allclose(np.diff(dims[1][0]), STEP_Y))


def tiff(path):
    data = tifffile.imread(path)
    check("tifffile reads map.tif", data.dtype == "float32" and np.array_equal(data, IMAGE))
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        check("takes it for one of ImageJ", file.is_imagej and file.imagej_metadata["unit"] == "nm")
        per_nm = [page.tags[name].value for name in ("XResolution", "YResolution")]
        steps = [below / above for above, below in per_nm]
        check("with its resolution", np.allclose(steps, [STEP_X, STEP_Y], rtol=1e-6))
        steps = [page.tags[number].value for number in (65009, 65010)]
        units = [page.tags[number].value for number in (65003, 65004)]
        check("and Digital Micrograph's tags", steps == [STEP_X, STEP_Y] and units == ["nm", "nm"])
    check("Pillow reads it", np.array_equal(np.asarray(Image.open(path)), IMAGE))
    check("imageio reads it", np.array_equal(imageio.imread(path), IMAGE))
    (signal,) = read_tiff(path)
    check("rosettasciio reads it", np.array_equal(signal["data"], IMAGE))
    check("its axes", same_axes(axes_of(signal), ("height", "width")))
    check("hyperspy makes it a Signal2D", isinstance(hs.load(path), hs.signals.Signal2D))


def npy(path):
    data = np.load(path, allow_pickle=False)
    check("numpy reads map.npy", data.dtype == "float32" and np.array_equal(data, IMAGE))
    check("also mapped", np.array_equal(np.load(path, mmap_mode="r"), IMAGE))


def png(path):
    with Image.open(path) as picture:
        picture.load()
        check("Pillow reads map.png", picture.mode == "RGB" and picture.width >= WIDTH)
        size = picture.height, picture.width, 3
    check("imageio reads it", imageio.imread(path).shape == size)


def xyz(path):
    atoms = ase.io.read(path)
    check("ASE reads map.xyz", len(atoms) == len(MARKERS) and set(atoms.get_chemical_symbols()) == {"Pt"})
    check("its positions", np.allclose(atoms.positions[:, :2], UPRIGHT, atol=1e-5))
    check("in one plane without a cell", not atoms.positions[:, 2].any() and not atoms.pbc.any())
    check("its intensities", np.allclose(atoms.arrays["intensity"], [0.5, 1.5, 2.5]))
    check("its scores", np.allclose(atoms.arrays["score"], SCORES))


def distances(positions):
    return np.linalg.norm(positions[:, None] - positions[None], axis=-1)


def cif(path):
    atoms = ase.io.read(path)
    check("ASE reads map.cif", len(atoms) == len(MARKERS) and set(atoms.get_chemical_symbols()) == {"Pt"})
    lengths = atoms.cell.cellpar()
    extent = np.ptp(ANGSTROM, axis=0)
    check("its cell has right angles", np.allclose(lengths[3:], 90))
    check("is a little larger than what is in it", (lengths[:2] > extent).all() and (lengths[:2] < 3 * extent).all())
    flat = np.c_[UPRIGHT, np.zeros(len(UPRIGHT))]
    check("its positions", np.allclose(distances(atoms.positions), distances(flat), atol=1e-4))
    check("all inside", ((atoms.get_scaled_positions(wrap=False) >= 0) & (atoms.get_scaled_positions(wrap=False) < 1)).all())
    small = gemmi.read_small_structure(str(path))
    check("gemmi reads it", len(small.sites) == len(MARKERS) and {s.element.name for s in small.sites} == {"Pt"})
    cell = small.cell
    check("with the same cell", np.allclose([cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma], lengths))
    positions = np.array([cell.orthogonalize(site.fract).tolist() for site in small.sites])
    check("with the same positions", np.allclose(distances(positions), distances(flat), atol=1e-4))
    check("in P 1", small.spacegroup is not None and small.spacegroup.hm == "P 1")


def main():
    packages = ["hyperspy", "rosettasciio", "ncempy", "tifffile", "numpy", "pillow", "imageio", "ase", "gemmi"]
    print(", ".join(f"{name} {version(name)}" for name in packages))
    with tempfile.TemporaryDirectory(prefix="formats-written-") as name:
        folder = Path(name)
        write_inputs(folder)
        columns = ["--columns", folder / "atoms.csv"]
        hspy(convert(folder, "map.hspy", *columns))
        emd(convert(folder, "map.emd"))
        tiff(convert(folder, "map.tif"))
        npy(convert(folder, "map.npy"))
        png(convert(folder, "map.png", *columns))
        xyz(convert(folder, "map.xyz", "--element", "Pt"))
        cif(convert(folder, "map.cif", "--element", "Pt"))


if __name__ == "__main__":
    import matplotlib

    matplotlib.use("agg")
    warnings.simplefilter("ignore")
    main()
