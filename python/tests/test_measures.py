"""Lattices, precision and bounds."""

import adatom
import numpy as np
import pytest

from conftest import run


def test_bounds_are_the_commands(command):
    arguments = ["--zone", "001", "--energy-kv", "200", "--semiangle-mrad", "24", "--pixel-size", "0.2A", "--dose", "1e3,1e4"]
    cli = run(command, "bound", "SrTiO3", *arguments, "--jitter", "0.1A")
    ours = adatom.bound(
        "SrTiO3", zone="001", energy_kv=200, semiangle_mrad=24, pixel_size=0.2, dose=[1e3, 1e4], jitter=0.1
    )
    assert ours == cli and {row["kind"] for row in ours["results"]} >= {"Sr", "Ti/O"}


def test_precision_is_the_commands(command, example):
    cli = run(command, "precision", str(example))
    assert adatom.precision(example) == cli


def test_precision_needs_a_pixel_size(crystal_image):
    with pytest.raises(ValueError, match="pixel size is unknown"):
        adatom.precision(crystal_image.image)


def test_strain_of_a_stretched_half_is_found():
    i, j = np.meshgrid(np.arange(24), np.arange(20))
    x = 4.0 * (i + 0.02 * np.maximum(i - 12, 0))
    analysis = adatom.analyse(np.column_stack([x.ravel(), 4.0 * j.ravel()]))
    strain = analysis.table["strain_xx"].reshape(i.shape)
    assert np.nanmean(strain[5:15, 16:22]) - np.nanmean(strain[5:15, 2:8]) == pytest.approx(0.02, abs=1e-3)
    assert analysis.unit == "Å" and analysis.lattice.angle == pytest.approx(90, abs=0.1)
    assert len(analysis.to_pandas()) == i.size and np.abs(analysis.table["rotation"]).max() < 1e-6
    assert analysis.spacings[1]["mean"]["value"] == pytest.approx(4.0) and len(analysis.spacings[0]["pairs"]) > 400


def test_the_lattice_of_located_columns_is_the_crystals(crystal_image):
    result = adatom.locate(crystal_image.image, pixel_size=crystal_image.pixel_size)
    analysis = adatom.analyse(result)
    assert analysis.lattice.shape == "square" and len(analysis.lattice.sites) == 2
    assert np.hypot(*analysis.lattice.a) == pytest.approx(3.905, abs=0.02)
    assert len(analysis.table) == len(result) and (analysis.table["site"][~result.whole] == -1).all()
    pixels = adatom.analyse(adatom.locate(crystal_image.image))
    assert pixels.unit == "px" and np.hypot(*pixels.lattice.a) == pytest.approx(3.905 / 0.18, abs=0.1)


def test_what_has_no_lattice_is_refused_by_name():
    with pytest.raises(adatom.AnalysisError, match="12 at least"):
        adatom.analyse(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        adatom.analyse(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="brightness"):
        adatom.analyse(np.zeros((20, 2)), brightness=np.ones(3))
