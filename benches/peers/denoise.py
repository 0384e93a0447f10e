"""Denoising of simulated images: adatom, a Gaussian filter, non-local means and BM3D.

Needs Python 3.11 with numpy, scipy, pillow, tifffile, scikit-image and bm3d: denoise.sh makes that
environment. The program is $ADATOM (default: target/release/adatom).

    benches/peers/denoise.sh --count 60

Samples of the recipe are written by `adatom simulate` under a seed that no training uses, and the
truth is their noNoise. Everything that truth and image don't share is the noise: shot noise and the
scan's jitter. As in the paper, PSNR = 20 log10(peak / sigma): the peak of the noiseless image without
its background over the root mean square of the error. The peers know what only a simulation knows:

- gauss: a Gaussian filter, its width chosen for each image against the truth.
- nlm:   non-local means (scikit-image) with the true sigma, its strength h chosen against the truth.
- bm3d:  BM3D (PyPI bm3d) with the true sigma. It takes the noise for white; jitter is not.

adatom knows nothing but the image. Its time is that of the whole command: start, scale, five maps,
columns, files. The others' is one run of the filter with the setting that was chosen.

The library is 8-bit, image and noNoise on one grey scale. Rounding the truth alone limits what can be
measured to the PSNR in the last line, far above every method; the program's own unrounded PSNR of
each image is compared with the one measured here.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from bm3d import bm3d
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.restoration import denoise_nl_means

ADATOM = os.environ.get("ADATOM", str(Path(__file__).resolve().parents[2] / "target/release/adatom"))
METHODS = ("adatom", "gauss", "nlm", "bm3d")
BINS = (("below 15 dB", -np.inf, 15), ("15 to 20 dB", 15, 20), ("20 dB and more", 20, np.inf))


def read(library, label, name):
    return np.asarray(Image.open(library / label / f"{name}.png"), np.float64)


def psnr(peak, image, truth):
    return 20 * np.log10(peak / np.sqrt(np.mean((image - truth) ** 2)))


def timed(run):
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


def best(candidates, peak, truth):
    """The candidate nearest to the truth, with its time."""
    return max((timed(run) for run in candidates), key=lambda result: psnr(peak, result[0], truth))


def adatom(path, model):
    with tempfile.TemporaryDirectory() as folder:
        command = [ADATOM, "locate", str(path), "-o", f"{folder}/out"] + (["--model", model] if model else [])
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return tifffile.imread(f"{folder}/out/noNoise.tif").astype(np.float64)


def gauss(image, sigma):
    return lambda: gaussian_filter(image, sigma)


def nlm(image, sigma, strength):
    return lambda: denoise_nl_means(
        image, patch_size=7, patch_distance=11, h=strength * sigma, sigma=sigma, fast_mode=True
    )


def measure(library, sample, model):
    """PSNR of the image and of each method, and seconds of each method."""
    name = f"{sample['id']:05}"
    image, truth = read(library, "image", name), read(library, "noNoise", name)
    # On the same grey scale but for the offset, see `adatom simulate`.
    peak = read(library, "noBackgroundnoNoise", name).max()
    sigma = np.sqrt(np.mean((image - truth) ** 2))
    results = {
        "adatom": timed(lambda: adatom(library / "image" / f"{name}.png", model)),
        "gauss": best([gauss(image, 0.5 * 1.2**n) for n in range(18)], peak, truth),
        "nlm": best([nlm(image, sigma, strength) for strength in (0.4, 0.6, 0.8, 1.0)], peak, truth),
        "bm3d": timed(lambda: bm3d(image, sigma)),
    }
    return {
        "id": name,
        "before": psnr(peak, image, truth),
        "exact": sample["psnr_db"],
        "rounding": 20 * np.log10(peak * np.sqrt(12)),
        "after": {method: psnr(peak, result, truth) for method, (result, _) in results.items()},
        "seconds": {method: seconds for method, (_, seconds) in results.items()},
    }


def table(results):
    print(f"{'PSNR before':15} images  before  {'mean gain in dB (share of images on which it is best)':>50}")
    print(" " * 31 + "".join(f"{method:>15}" for method in METHODS))
    for title, low, high in (("all", -np.inf, np.inf), *BINS):
        group = [r for r in results if low <= r["before"] < high]
        if not group:
            continue
        line = f"{title:15} {len(group):6} {np.mean([r['before'] for r in group]):7.1f} "
        for method in METHODS:
            gain = np.mean([r["after"][method] - r["before"] for r in group])
            share = np.mean([max(r["after"], key=r["after"].get) == method for r in group])
            line += f"{gain:+8.2f} ({share:4.0%})"
        print(line)
    print("seconds an image (median)      ", end="")
    print("".join(f"{np.median([r['seconds'][m] for r in results]):15.2f}" for m in METHODS))
    behind = [r for r in results if max(r["after"], key=r["after"].get) != "adatom"]
    worst = sorted(behind, key=lambda r: r["after"]["adatom"] - max(r["after"].values()))[:5]
    for r in worst:
        others = ", ".join(f"{method} {r['after'][method]:.1f}" for method in METHODS)
        print(f"behind on sample {r['id']}: before {r['before']:.1f}, {others}")
    shift = max(abs(r["before"] - r["exact"]) for r in results)
    print(
        f"8 bits: rounding alone would be {min(r['rounding'] for r in results):.0f} dB or more; PSNR before"
        f" differs from the exact one by at most {shift:.2f} dB"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--recipe", default="paper")
    parser.add_argument("--model", help="as adatom's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        command = [ADATOM, "simulate", "--recipe", options.recipe, "--seed", str(options.seed)]
        command += ["--count", str(options.count), "-o", str(library)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        samples = [json.loads(line) for line in (library / "samples.jsonl").read_text().splitlines()]
        print(f"recipe {options.recipe} (seed {options.seed}), {len(samples)} samples")
        results = []
        for sample in samples:
            results.append(measure(library, sample, options.model))
            print(f"\r{len(results)} of {len(samples)}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        table(results)


if __name__ == "__main__":
    main()
