#!/usr/bin/env python3
"""Trains small networks that differ in one thing, and prints the table that width, depth, loss and
label width were chosen by.

    benches/experiments.py                 # all, about two hours on two cores
    benches/experiments.py 1500 mse        # 1,500 steps, one of them

Every network gets the same number of steps, the same samples and seed, and is calibrated and judged
on samples that it hasn't seen. Needs Python 3.11 alone. The program is $ADATOM (default:
target/release/adatom); what is trained is kept under $ADATOM_EXPERIMENTS (default: a folder that is
removed), and what is there is not trained again.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ADATOM = os.environ.get("ADATOM", str(HERE.parent / "target/release/adatom"))
RECIPE = (HERE.parent / "recipes/extended.toml").read_text()
WIDTHS = "16,32,64,128"
LABEL = "gaussian_sigma_px = 1.8"

# name: (widths, loss, label width in px)
EXPERIMENTS = {
    "base": (WIDTHS, "chi-square", 1.8),
    "half-width": ("8,16,32,64", "chi-square", 1.8),
    "wider": ("24,48,96,192", "chi-square", 1.8),
    "shallower": ("16,32,64", "chi-square", 1.8),
    "deeper": ("16,32,64,128,128", "chi-square", 1.8),
    "mse": (WIDTHS, "mse", 1.8),
    "narrow-label": (WIDTHS, "chi-square", 1.2),
    "wide-label": (WIDTHS, "chi-square", 2.6),
}


def adatom(*arguments):
    run = subprocess.run([ADATOM, *arguments], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"adatom {' '.join(arguments)}: {run.stderr.strip()}")
    return run.stdout


def measure(folder, name, steps):
    widths, loss, label = EXPERIMENTS[name]
    model = folder / f"{name}-{steps}"
    if not (model / "card.json").exists():
        recipe = folder / f"{name}.toml"
        recipe.write_text(RECIPE.replace(LABEL, f"gaussian_sigma_px = {label}"))
        options = ["--recipe", str(recipe), "--out", str(model), "--steps", steps, "--widths", widths]
        adatom("train", *options, "--seed", "7", "--loss", loss)
        adatom("calibrate", "--model", str(model), "--count", "50")
    results = []
    for kind, count in (("paper", "150"), ("unseen", "100")):
        results.append(json.loads(adatom(
            "evaluate", "--recipe", kind, "--seed", "5", "--count", count, "--model", str(model), "--json")))
    weights = (model / "weights.safetensors").stat().st_size // 4
    paper, unseen = results
    return (f"| {name} | {widths} | {loss} | {label} px | {weights / 1000:.0f} | {paper['f1']:.4f} | "
            f"{paper['rmse_sigma']:.3f} | {paper['psnr_out_db'] - paper['psnr_in_db']:.1f} | "
            f"{unseen['f1']:.4f} | {unseen['rmse_sigma']:.3f} |")


def main():
    steps = sys.argv[1] if len(sys.argv) > 1 else "1500"
    chosen = sys.argv[2:] or list(EXPERIMENTS)
    print("| network | widths | loss | label σ | weights (1000) | F1 `paper` | RMSE (σ) | denoising (dB) "
          "| F1 `unseen` | RMSE (σ) |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("ADATOM_EXPERIMENTS", temporary))
        for name in chosen:
            print(measure(folder, name, steps), flush=True)


main()
