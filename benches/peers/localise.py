"""Time and error of fitted columns: adatom against Atomap, in turn on one image.

Needs Python 3.11 with atomap and tifffile: localise.sh makes that environment. The program is $ADATOM (default:
target/release/adatom).

    benches/peers/localise.sh --columns 50

The image is a lattice of round Gaussian columns of two heights, 200 and 90 electrons at their peaks on a background of
40, a width of 4 px, a column every 20.4 px, each moved by up to 0.3 px; Poisson noise. Atomap knows the separation, and does what its
manual does: local maxima, neighbours, a round of centres of mass, a round of two-dimensional Gaussians. adatom knows nothing:
its time is that of the whole command, network, scale and files included.
"""

import argparse
import csv
import os
import subprocess
import tempfile
import time
from pathlib import Path

import atomap.api as am
import hyperspy.api as hs
import numpy as np
import tifffile
from scipy.spatial import cKDTree

ADATOM = os.environ.get("ADATOM", str(Path(__file__).resolve().parents[2] / "target/release/adatom"))
PITCH, SIGMA = 20.4, 4.0


def lattice(count):
    i, j = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
    number = (i * count + j).astype(float)
    x, y = PITCH * j + 14 + 0.3 * np.sin(number), PITCH * i + 14 + 0.3 * np.cos(number)
    height = np.where((i + j) % 2 == 0, 200.0, 90.0)
    side = int(round(count * PITCH + 8))
    image = np.full((side, side), 40.0)
    for cx, cy, h in zip(x.ravel(), y.ravel(), height.ravel()):
        top, left = max(0, int(cy) - 20), max(0, int(cx) - 20)
        rows, columns = np.arange(top, min(side, int(cy) + 21)), np.arange(left, min(side, int(cx) + 21))
        part = np.exp(-((rows[:, None] - cy) ** 2 + (columns[None] - cx) ** 2) / (2 * SIGMA**2))
        image[top : rows[-1] + 1, left : columns[-1] + 1] += h * part
    noisy = np.random.default_rng(1).poisson(image).astype(np.float32)
    return noisy, np.column_stack([x.ravel(), y.ravel()])


def atomap(image):
    signal = hs.signals.Signal2D(image.astype(float))
    start = time.perf_counter()
    positions = am.get_atom_positions(signal, separation=14)
    sublattice = am.Sublattice(positions, image=signal.data)
    sublattice.find_nearest_neighbors()
    sublattice.refine_atom_positions_using_center_of_mass(show_progressbar=False)
    sublattice.refine_atom_positions_using_2d_gaussian(show_progressbar=False)
    seconds = time.perf_counter() - start
    return np.column_stack([sublattice.x_position, sublattice.y_position]), seconds


def adatom(path, method):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        start = time.perf_counter()
        subprocess.run(
            [ADATOM, "locate", str(path), "--method", method, "-o", str(out)], check=True, stdout=subprocess.DEVNULL
        )
        seconds = time.perf_counter() - start
        with open(out / "atoms.csv", newline="") as file:
            rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return np.array([[float(row["x_px"]), float(row["y_px"])] for row in rows]), seconds


def score(found, truth):
    """Columns found, columns invented, and the root mean square error along an axis, in pixels."""
    away, nearest = cKDTree(truth).query(found)
    good = away < 2
    error = np.sqrt(np.mean(away[good] ** 2) / 2)
    return len(np.unique(nearest[good])), int((~good).sum()), error


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, default=50, help="along each side")
    options = parser.parse_args()
    image, truth = lattice(options.columns)
    print(f"{len(truth)} columns on {image.shape[0]} x {image.shape[1]} pixels")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lattice.tif"
        tifffile.imwrite(path, image)
        runs = {
            "adatom gaussian": lambda: adatom(path, "gaussian"),
            "adatom mle": lambda: adatom(path, "mle"),
            "atomap": lambda: atomap(image),
        }
        times = {}
        for name, run in runs.items():
            found, times[name] = run()
            seen, invented, error = score(found, truth)
            print(f"{name:16} {times[name]:8.2f} s  found {seen}, invented {invented}, error {error:.4f} px")
    for name in ("adatom gaussian", "adatom mle"):
        print(f"{name}: Atomap takes {times['atomap'] / times[name]:.1f} times as long")


if __name__ == "__main__":
    main()
