"""Runs adatom on real images and compares what it finds with hand labels.

Needs Python 3.11 with numpy, scipy, pillow, tifffile, rosettasciio and h5py: real_images.sh makes
that environment. The images are those of $ADATOM_TEST_DATA/stem (default: ../shared/data beside
the repository), the program is $ADATOM (default: target/release/adatom).

    benches/real_images.sh                              # labelled images, then crystals
    benches/real_images.sh --scale auto 0.3 0.5 1       # one line a set and scale
    benches/real_images.sh --sets bpy --images          # one line an image, too

A found atom and a label are paired one to one, as many pairs as possible and then the closest,
within 0.1 nm where the pixel size is known, else within half the median distance of a label to its
nearest label but 6 px at most. Hand labels are whole pixels, often one or two off, and not
complete: the overlays show who is right. Green ring: label that was found; yellow ring: label that
was missed; red cross: found without a label. The overlays are flattened (the broad background is
subtracted) for the eye only.

As a peer, and to know what these labels allow at all, each set also gets a matched filter: maxima
of minus the Laplacian of a Gaussian, with sigma and cut chosen against the labels, the best for it.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, gaussian_laplace, maximum_filter
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

REPOSITORY = Path(__file__).resolve().parents[1]
ADATOM = os.environ.get("ADATOM", str(REPOSITORY / "target/release/adatom"))
DATA = Path(os.environ.get("ADATOM_TEST_DATA", REPOSITORY / "../shared/data")) / "stem"
SETS = {"hpai": "hpai_ptnc/", "bpy": "sjeon_single_atoms/bpy", "ptporph": "sjeon_single_atoms/Ptporph"}
CRYSTALS = ("atomap/", "atomsegnet/", "ingrained/", "ncem/", "temul/", "tk_r_em/")
# Not dark-field images of atoms.
UNSUITABLE = ("atomap/test_ABF_cropped.hdf5", "atomap/example_detector_image.hspy")
TOLERANCE_NM = 0.1
TOLERANCE_MOST_PX = 6.0


def read_xy(path):
    with open(path, newline="") as file:
        return np.array([(float(r["X"]), float(r["Y"])) for r in csv.DictReader(file)]).reshape(-1, 2)


def tolerance_px(labels, pixel_nm):
    if pixel_nm:
        return TOLERANCE_NM / pixel_nm
    nearest = cKDTree(labels).query(labels, k=2)[0][:, 1]
    return min(0.5 * float(np.median(nearest)), TOLERANCE_MOST_PX)


def pair(labels, found, tolerance):
    """Indices into labels and found of the pairs."""
    if not len(labels) or not len(found):
        return np.array([], int), np.array([], int)
    distance = np.linalg.norm(labels[:, None] - found[None], axis=2)
    # An impossible pair costs more than all possible ones together.
    cost = np.where(distance <= tolerance, distance, tolerance * (1 + min(distance.shape)))
    i, j = linear_sum_assignment(cost)
    good = distance[i, j] <= tolerance
    return i[good], j[good]


def rates(labels, found, pairs):
    precision, recall = pairs / max(found, 1), pairs / max(labels, 1)
    return precision, recall, 2 * pairs / max(labels + found, 1)


class Failed(Exception):
    pass


def locate(image, out, options, scale="auto", pixel_nm=None):
    """Positions, scores and the report of one run."""
    command = [ADATOM, "locate", str(image), "-o", str(out), "--json", "--scale", scale]
    if options.threshold is not None:
        command += ["--threshold", str(options.threshold)]
    if options.model:
        command += ["--model", options.model]
    if pixel_nm:
        command += ["--pixel-size", f"{pixel_nm:.9f}nm"]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise Failed(run.stderr.strip())
    with open(out / "atoms.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    xy = np.array([(float(r["x_px"]), float(r["y_px"])) for r in rows]).reshape(-1, 2)
    return xy, np.array([float(r["score"]) for r in rows]), json.loads(run.stdout)


def read_image(path):
    if path.suffix == ".tif":
        image = tifffile.imread(path)
    else:
        image = np.asarray(Image.open(path))
    image = image.astype(np.float32)
    return image if image.ndim == 2 else image[..., :3].mean(axis=2)


def overlay(image, found, out, labels=None, pairs=(), flatten=True):
    height, width = image.shape
    if flatten:
        image = image - gaussian_filter(image, 0.06 * max(image.shape))
    low, high = np.percentile(gaussian_filter(image, 0.7), [0.5, 99.8])
    grey = (np.clip((image - low) / max(high - low, 1e-12), 0, 1) * 255).astype(np.uint8)
    zoom = max(1, round(1024 / max(image.shape)))
    picture = Image.fromarray(grey).resize((width * zoom, height * zoom), Image.BICUBIC).convert("RGB")
    draw = ImageDraw.Draw(picture)
    matched_labels, matched_found = pairs if len(pairs) else ((), ())
    for n, (x, y) in enumerate([] if labels is None else labels):
        x, y = (x + 0.5) * zoom, (y + 0.5) * zoom
        colour = (0, 230, 0) if n in matched_labels else (255, 230, 0)
        draw.ellipse((x - 9, y - 9, x + 9, y + 9), outline=colour)
    for n, (x, y) in enumerate(found):
        x, y = (x + 0.5) * zoom, (y + 0.5) * zoom
        if labels is None:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=(255, 60, 60))
        elif n not in matched_found:
            draw.line((x - 4, y, x + 4, y), fill=(255, 60, 60))
            draw.line((x, y - 4, x, y + 4), fill=(255, 60, 60))
    picture.save(out)


def best_cut(scores, hits, labels):
    """The score from which on F1 is highest, and that F1. Pairs stay those of the whole list."""
    order = np.argsort(-scores)
    pairs = np.cumsum(hits[order])
    f1 = 2 * pairs / (labels + np.arange(1, len(order) + 1))
    if not len(f1):
        return float("nan"), 0.0
    best = int(np.argmax(f1))
    return float(scores[order][best]), float(f1[best])


def reliability(scores, hits):
    print("  score        found  with a label")
    bins = np.minimum((scores * 10).astype(int), 9)
    for n in range(10):
        here = bins == n
        if here.any():
            print(f"  {n / 10:.1f} to {(n + 1) / 10:.1f}  {here.sum():6}  {hits[here].mean():12.2f}")


def blobs(image, sigma):
    """Positions and heights of a matched filter's maxima, in standard deviations of its output."""
    filtered = -gaussian_laplace(image.astype(np.float64), sigma)
    # Brighter areas are noisier: the mean absolute value around, as a standard deviation.
    filtered /= np.maximum(1.2533 * gaussian_filter(np.abs(filtered), 8 * sigma), 1e-12)
    peaks = (filtered == maximum_filter(filtered, 2 * round(sigma) + 1)) & (filtered > 3)
    y, x = np.nonzero(peaks)
    return np.column_stack([x, y]).astype(float), filtered[y, x]


def run_peer(name, files):
    best = (0.0, 0.0, 0.0)
    for sigma in (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0):
        scores, hits, count = [], [], 0
        for entry in files:
            path = DATA / entry["file"]
            labels = read_xy(path.parent / "labels" / entry["labels"])
            found, score = blobs(read_image(path), sigma)
            hit = np.zeros(len(found), bool)
            hit[pair(labels, found, tolerance_px(labels, entry["pixel_nm"]))[1]] = True
            scores.append(score)
            hits.append(hit)
            count += len(labels)
        cut, f1 = best_cut(np.concatenate(scores), np.concatenate(hits), count)
        best = max(best, (f1, sigma, cut))
    print(f"{name:8} matched filter: best F1 {best[0]:.3f} with sigma {best[1]} px from {best[2]:.1f} sigma on")


def run_set(name, files, scale, options, work):
    """One set at one scale; returns all scores and whether each has a label."""
    total = np.zeros(3, int)
    scores, hits, factors, offsets = [], [], [], []
    for entry in files:
        path = DATA / entry["file"]
        stem = path.stem
        labels_path = path.parent / "labels" / entry["labels"]
        labels = read_xy(labels_path)
        tolerance = tolerance_px(labels, entry["pixel_nm"])
        try:
            found, score, report = locate(path, work / stem, options, scale, entry["pixel_nm"])
        except Failed as e:
            print(f"  {stem}: FAILED: {e}")
            continue
        i, j = pair(labels, found, tolerance)
        hit = np.zeros(len(found), bool)
        hit[j] = True
        counts = np.array([len(labels), len(found), len(i)])
        total += counts
        scores.append(score)
        hits.append(hit)
        offsets.append(found[j] - labels[i])
        factor = report["scale"]["factor"]
        factors.append(factor)
        if options.images:
            p, r, f = rates(*counts)
            cut, best = best_cut(score, hit, len(labels))
            print(
                f"  {stem[:24]:24} scale {factor:5.3f}{' corrected' if report['scale']['corrected'] else '':10}"
                f" within {tolerance:3.1f} px: labels {counts[0]:3} found {counts[1]:3}"
                f"  P {p:.2f} R {r:.2f} F1 {f:.2f}  best F1 {best:.2f} from score {cut:.2f}"
            )
        folder = options.out / name
        folder.mkdir(parents=True, exist_ok=True)
        overlay(read_image(path), found, folder / f"{stem}-scale-{scale}.png", labels, (set(i), set(j)))
    if not scores:
        return
    scores, hits, offsets = np.concatenate(scores), np.concatenate(hits), np.concatenate(offsets)
    p, r, f = rates(*total)
    cut, best = best_cut(scores, hits, total[0])
    rms = np.sqrt((offsets**2).sum(axis=1).mean()) if len(offsets) else float("nan")
    print(
        f"{name:8} scale {scale:5} ({np.min(factors):.2f} to {np.max(factors):.2f})  labels {total[0]:4}"
        f"  found {total[1]:4}  P {p:.3f}  R {r:.3f}  F1 {f:.3f}  best F1 {best:.3f} from score {cut:.2f}"
        f"  rms {rms:.1f} px"
    )
    if options.images or len(options.scale) == 1:
        reliability(scores, hits)


def convert(path, work):
    """A file that adatom can't read as 32-bit TIFF."""
    if path.suffix in (".hspy", ".hdf5"):
        from rsciio.hspy import file_reader
    elif path.suffix == ".dm3":
        from rsciio.digitalmicrograph import file_reader
    elif path.suffix == ".ser":
        from rsciio.tia import file_reader
    elif path.suffix == ".emd":
        from rsciio.emd import file_reader
    else:
        raise Failed("unknown format")
    images = [signal["data"] for signal in file_reader(str(path)) if signal["data"].ndim == 2]
    target = work / f"{path.stem}.tif"
    tifffile.imwrite(target, np.asarray(images[0], np.float32))
    return target


def run_crystals(files, options, work):
    print("crystals: look at the overlays")
    folder = options.out / "crystals"
    folder.mkdir(parents=True, exist_ok=True)
    for entry in files:
        path = DATA / entry["file"]
        for scale in options.scale:
            try:
                how, source = "read", path
                try:
                    found, score, report = locate(source, work / path.stem, options, scale, entry["pixel_nm"])
                except Failed:
                    if path.suffix in (".tif", ".png"):
                        raise
                    how, source = "converted", convert(path, work)
                    found, score, report = locate(source, work / path.stem, options, scale, entry["pixel_nm"])
                image = read_image(source if source.suffix in (".tif", ".png") else convert(path, work))
            except Exception as e:  # One unreadable file must not hide the others.
                print(f"  {entry['file']}: FAILED: {e}")
                continue
            overlay(image, found, folder / f"{path.stem}-scale-{scale}.png", flatten=False)
            choice = report["scale"]
            spacing = choice["measured"]["pixels"] if choice["measured"] else float("nan")
            low = np.mean(score < 0.3) if len(score) else float("nan")
            print(
                f"  {path.stem[:36]:36} {image.shape[1]:4} x {image.shape[0]:4} {how:9} found {len(found):5}"
                f"  scale {choice['factor']:.3f}{' corrected' if choice['corrected'] else '':10}"
                f" spacing {spacing:5.1f} px  score < 0.3: {low:.0%}  {'; '.join(report['warnings'])}"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=[*SETS, "crystals"], default=[*SETS, "crystals"])
    parser.add_argument("--scale", nargs="+", default=["auto"], help="scales to try, each as adatom's --scale")
    parser.add_argument("--threshold", type=float, help="as adatom's")
    parser.add_argument("--model", help="as adatom's")
    parser.add_argument("--images", action="store_true", help="a line for every labelled image")
    parser.add_argument("--limit", type=int, help="images of a set at most")
    default = Path(tempfile.gettempdir()) / "adatom-peers/real"
    parser.add_argument("--out", type=Path, default=default, help=f"folder of the overlays [{default}]")
    options = parser.parse_args()
    if not (DATA / "manifest.json").exists():
        print(f"SKIPPED: no {DATA / 'manifest.json'}; set ADATOM_TEST_DATA. NOTHING WAS MEASURED.")
        return 0
    entries = json.loads((DATA / "manifest.json").read_text())["files"]
    names = {e["file"] for e in entries if e["kind"] == "labels"}
    with tempfile.TemporaryDirectory() as work:
        for name in [n for n in options.sets if n in SETS]:
            files = []
            for entry in entries:
                folder, file = os.path.split(entry["file"])
                stem = file.split("_")[0] + "_Results" if name == "hpai" else Path(file).stem
                if entry["kind"] == "real" and entry["file"].startswith(SETS[name]):
                    if f"{folder}/labels/{stem}.csv" in names:
                        files.append(entry | {"labels": f"{stem}.csv"})
            files = files[: options.limit]
            run_peer(name, files)
            for scale in options.scale:
                run_set(name, files, scale, options, Path(work))
        if "crystals" in options.sets:
            files = [
                e
                for e in entries
                if e["kind"] in ("real", "simulated")
                and e["file"].startswith(CRYSTALS)
                and e["file"] not in UNSUITABLE
            ]
            run_crystals(files[: options.limit], options, Path(work))
    print(f"overlays: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
