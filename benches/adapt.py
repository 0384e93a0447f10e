#!/usr/bin/env python3
"""Adapts the network to five crystals that no recipe knows, and prints what it was good for.

    benches/adapt.py              # five minutes each
    benches/adapt.py 2 Fe3O4      # two minutes, one crystal

Needs Python 3.11 alone. The program is $ADATOM (default: target/release/adatom). Let nothing else
run meanwhile: the minutes are of the clock.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ADATOM = os.environ.get("ADATOM", str(HERE.parent / "target/release/adatom"))
CRYSTALS = {"GaAs": "110", "CeO2": "110", "BaTiO3": "001", "Fe3O4": "110", "Bi2Te3": "100"}


def main():
    minutes = sys.argv[1] if len(sys.argv) > 1 else "5"
    chosen = sys.argv[2:] or list(CRYSTALS)
    print("| crystal | steps | F1 before | after | RMSE before | after | denoised before | after | better |")
    print("|---|---|---|---|---|---|---|---|---|")
    better = 0
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            command = [ADATOM, "adapt", "--structure", str(HERE / f"crystals/{name}.cif")]
            command += ["--zone", CRYSTALS[name], "--energy-kv", "200", "--semiangle-mrad", "24"]
            command += ["--pixel-size", "0.1A", "--minutes", minutes, "--json", "-o", f"{folder}/model"]
            run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{name}: {run.stderr.strip()}")
        result = json.loads(run.stdout)
        before, after = result["before"], result["after"]
        # What got worse in one so that the other is no gain is not written.
        good = result["folder"] and (after["f1"] > before["f1"] or after["rmse_angstrom"] < before["rmse_angstrom"])
        better += bool(good)
        pairs = [f"{before[k]:.{d}f}{u} | {after[k]:.{d}f}{u}" for k, d, u in (
            ("f1", 4, ""), ("rmse_angstrom", 4, " Å"), ("psnr_out_db", 1, " dB"))]
        print(f"| {name} [{CRYSTALS[name]}] | {result['steps']} | {' | '.join(pairs)} | {'yes' if good else 'no'} |",
              flush=True)
    print(f"\nbetter on {better} of {len(chosen)}")


main()
