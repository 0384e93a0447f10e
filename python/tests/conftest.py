"""What the tests share."""

import csv
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import adatom
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def example() -> Path:
    """The project's own example image."""
    return ROOT / "examples" / "srtio3.tif"


@pytest.fixture(scope="session")
def crystal_image() -> adatom.Sample:
    """A small simulated image with known columns."""
    return adatom.simulate("SrTiO3", pixel_size=0.18, shape=(160, 176), dose=3e4, seed=4)


@pytest.fixture(scope="session")
def command() -> list[str]:
    """The command, which ci.sh builds in the same profile as the extension."""
    path = os.environ.get("ADATOM_COMMAND")
    if path is None:
        pytest.skip("ADATOM_COMMAND doesn't name the command adatom: nothing is compared with it")
    return [path]


def run(command: list[str], *arguments: str) -> dict:
    """What the command prints as JSON."""
    done = subprocess.run([*command, *arguments, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def atoms(folder: Path) -> list[dict[str, str]]:
    with (folder / "atoms.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_equal(table: np.ndarray, other: np.ndarray) -> None:
    """The same numbers to the last digit; those that are unknown are unknown in both."""
    assert table.dtype == other.dtype and table.shape == other.shape
    for name in table.dtype.names:
        assert np.array_equal(table[name], other[name], equal_nan=table[name].dtype.kind == "f"), name


def in_csv(table: np.ndarray) -> list[dict[str, str]]:
    """A table as texts, with the digits of ``atoms.csv``."""
    digits = {"x_px": 4, "y_px": 4, "x_angstrom": 5, "y_angstrom": 5, "radius_px": 3, "score": 4, "x_std_px": 4, "y_std_px": 4}
    digits |= {"x_std_angstrom": 5, "y_std_angstrom": 5, "sigma_major_px": 3, "sigma_minor_px": 3, "angle_deg": 1}

    def text(name: str, value: object) -> str:
        if name in ("id", "flags"):
            return str(value)
        if not np.isfinite(value):
            return ""
        return f"{value:.{digits[name]}f}" if name in digits else f"{value:.6e}"

    return [{name: text(name, row[name]) for name in table.dtype.names} for row in table]


def shared(*parts: str) -> Path:
    """A file that is not part of the project; the test is skipped, loudly, where it isn't there."""
    root = Path(os.environ.get("ADATOM_TEST_DATA", ROOT.parent / "shared" / "data"))
    path = root.joinpath(*parts)
    if not path.exists():
        warnings.warn(f"SKIPPED: {path} is missing; set ADATOM_TEST_DATA", stacklevel=2)
        pytest.skip(f"{path} is missing; set ADATOM_TEST_DATA")
    return path


def pytorch() -> str:
    """An interpreter that has PyTorch: this one or the system's."""
    for python in (sys.executable, "/usr/bin/python3"):
        if Path(python).exists() and subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0:
            return python
    warnings.warn("SKIPPED: neither this Python nor the system's has PyTorch", stacklevel=2)
    pytest.skip("neither this Python nor the system's has PyTorch")
