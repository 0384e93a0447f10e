"""Simulated images, libraries and streams."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import adatom
import numpy as np
import pytest

from conftest import pytorch

RECIPE = {
    "name": "small",
    "image": {"width": 48, "height": 40, "field_of_view_angstrom": 10},
    "optics": [{"id": "a", "energy_kv": 200, "semiangle_mrad": 24, "source_fwhm_angstrom": 0.8}],
    "structure": [{"material": "SrTiO3"}],
}


def test_a_simulated_crystal_has_the_columns_of_its_lattice():
    sample = adatom.simulate("SrTiO3", zone=(0, 0, 1), pixel_size=0.1, shape=(120, 160), dose=1e5)
    assert sample.image.shape == (120, 160) and sample.image.dtype == np.float32
    assert sample.pixel_size == (0.1, 0.1) and sample.settings["material"] == "SrTiO3"
    # Two labelled columns (Sr, and Ti with O) a cell of 3.905 Å.
    assert len(sample.columns) == pytest.approx(2 * 12 * 16 / 3.905**2, abs=6)
    assert len(sample.species) == len(sample.columns) and {"Sr"} in [set(s) for s in sample.species]
    analysis = adatom.analyse(sample.positions * 0.1, brightness=sample.columns["intensity"])
    assert analysis.lattice.shape == "square" and np.hypot(*analysis.lattice.a) == pytest.approx(3.905, abs=1e-3)


def test_a_seed_decides_a_sample():
    one, same, other = (adatom.simulate("Au", zone="110", shape=(64, 64), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.image, same.image) and not np.array_equal(one.image, other.image)


def test_dose_is_in_electrons_an_area():
    sample = adatom.simulate("Si", zone="110", pixel_size=0.2, shape=(64, 64), dose=5e3, peak_fraction=0.1)
    assert sample.settings["peak_electrons"] == pytest.approx(5e3 * 0.2**2 * 0.1, rel=1e-6)


def test_multislice_tells_its_progress_and_sees_dim_columns():
    parts: list[float] = []
    settings = {"detector_mrad": [40, 70], "configurations": 2, "box_angstrom": 7}
    options = {"thickness": 20.0, "pixel_size": 0.2, "shape": (48, 48), "optics": {"semiangle_mrad": 20}}
    sample = adatom.simulate("SrTiO3", model="multislice", multislice=settings, progress=parts.append, **options)
    assert parts and parts == sorted(parts) and parts[-1] == 1.0
    linear = adatom.simulate("SrTiO3", **options)
    ideal = [s.labels["noBackgroundnoNoise"] for s in (sample, linear)]
    assert not np.array_equal(*ideal) and np.corrcoef(ideal[0].ravel(), ideal[1].ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"crystal": "nothing.cif"}, ValueError, "nothing.cif"),
        ({"crystal": 3}, TypeError, "int"),
        ({"zone": "000"}, ValueError, "zero"),
        ({"optics": {"voltage": 1}}, ValueError, "voltage"),
        ({"optics": {"energy_kv": -1}}, ValueError, "energy_kv"),
        ({"model": "best"}, ValueError, "multislice"),
        ({"multislice": {}}, ValueError, "linear"),
        ({"pixel_size": (0.1, 0.2)}, ValueError, "square"),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_name(options, error, message):
    with pytest.raises(error, match=message):
        adatom.simulate(options.pop("crystal", "SrTiO3"), **options)


def test_a_stream_gives_the_recipes_samples_in_order_whatever_the_threads():
    streams = [adatom.stream(RECIPE, seed=3, batch=2, workers=workers) for workers in (1, 3)]
    for number in range(4):
        one, other = (next(stream) for stream in streams)
        assert one.image.shape == (2, 1, 40, 48) and one.labels.shape == (2, 5, 40, 48)
        assert np.array_equal(one.image, other.image) and np.array_equal(one.labels, other.labels)
        assert [sample["index"] for sample in one.samples] == [2 * number, 2 * number + 1]
    again = next(adatom.stream(RECIPE, seed=3, batch=1, first=7))
    assert np.array_equal(again.image[0], one.image[1])


def test_a_normalised_stream_is_what_the_network_learns_from():
    batch = next(adatom.stream(RECIPE, batch=3, normalised=True, labels=["noNoise", "gaussianMask"]))
    assert np.allclose(batch.image.mean((1, 2, 3)), 0, atol=1e-4) and np.allclose(batch.image.std((1, 2, 3)), 1, atol=1e-3)
    assert batch.weights.shape == batch.labels.shape == (3, 2, 40, 48) and batch.names == ("noNoise", "gaussianMask")


def test_arrays_of_a_stream_go_through_dlpack_without_a_copy():
    batch = next(adatom.stream(RECIPE, batch=2))
    shared = batch.to(np.from_dlpack)
    assert np.shares_memory(shared.image, batch.image) and np.shares_memory(shared.labels, batch.labels)
    given = next(adatom.stream(RECIPE, batch=2, dlpack=np.from_dlpack))
    assert np.array_equal(given.image, batch.image)


def test_a_stream_says_that_its_threads_are_in_another_process():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("RuntimeError: the stream was made in another process") and "each worker" in done.stdout


FORKED = f"""
import adatom, os
stream = adatom.stream({RECIPE!r}, batch=1)
next(stream)
child = os.fork()
if child == 0:
    try:
        next(stream)
    except RuntimeError as error:
        print(f"RuntimeError: {{error}}", flush=True)
    del stream
    next(adatom.stream({RECIPE!r}, batch=1))
    os._exit(0)
_, status = os.waitpid(child, 0)
next(stream)
assert status == 0
"""


SLOW = f"""
import adatom, signal
recipe = {RECIPE!r} | {{"image": {{"width": 512, "height": 512, "field_of_view_angstrom": 60}}}}
stream = adatom.stream(recipe, batch=40)
def refuse(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, refuse)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    next(stream)
    print("too fast")
except KeyboardInterrupt:
    print("interrupted")
print(next(stream).samples[0]["index"], next(stream).samples[0]["index"])
"""


def test_a_signal_ends_the_wait_for_a_batch_and_loses_none():
    done = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "interrupted\n0 40\n"


def test_a_stream_refuses_what_it_cannot_make():
    for options, message in (({"batch": 0}, "1 to 4096"), ({"labels": ["x"]}, "gaussianMask"), ({"labels": []}, "at least one")):
        with pytest.raises(ValueError, match=message):
            adatom.stream(RECIPE, **options)
    with pytest.raises(FileNotFoundError, match="paper"):
        adatom.stream("no-such-recipe")
    with pytest.raises(ValueError, match="colour"):
        adatom.stream({**RECIPE, "colour": 1})


@pytest.fixture(scope="module", params=["temimagenet", "webdataset", "zarr"])
def library(command, request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("library") / request.param
    recipe = folder.with_suffix(".toml")
    lines = ["name = 'small'", "image = { width = 48, height = 40, field_of_view_angstrom = 10 }"]
    lines += ["optics = [{ id = 'a', energy_kv = 200, semiangle_mrad = 24, source_fwhm_angstrom = 0.8 }]"]
    recipe.write_text("\n".join([*lines, "structure = [{ material = 'SrTiO3' }]"]))
    build = [*command, "library", "build", str(recipe), "-o", str(folder), "--range", "1..5"]
    subprocess.run([*build, "--format", request.param, "--depth", "16"], check=True, capture_output=True)
    return folder


def test_a_library_is_a_sequence_of_its_samples_in_their_units(library):
    samples = adatom.Library(library, record=True)
    assert len(samples) == 5 and list(samples.ids) == [1, 2, 3, 4, 5]
    item = samples[2]
    batch = next(adatom.stream(RECIPE, seed=1, batch=1, first=3))
    assert set(item) == {*samples.labels, "record"} and item["image"].dtype == np.float32
    assert np.abs(item["image"] - batch.image[0, 0]).max() < 1e-4 * np.ptp(batch.image)
    for number, name in enumerate(batch.names):
        assert np.abs(item[name] - batch.labels[0, number]).max() < 1e-4 * max(1.0, np.ptp(batch.labels[0, number])), name
    assert item["record"]["id"] == 3 and len(item["record"]["columns"]) == len(batch.samples[0]["columns"])
    assert np.array_equal(samples[-1]["image"], samples[4]["image"]) and len(list(samples)) == 5
    with pytest.raises(IndexError, match="has 5"):
        samples[5]


def channels(item):
    return item["image"][None], item["gaussianMask"][None]


def test_a_library_is_a_dataset_that_can_be_pickled(library):
    samples = adatom.Library(library, labels=["image", "gaussianMask"], transform=channels)
    copy = pickle.loads(pickle.dumps(samples))
    assert len(copy) == 5 and np.array_equal(copy[1][0], samples[1][0]) and samples[1][1].shape == (1, 40, 48)
    assert set(adatom.Library(library, labels="noNoise")[0]) == {"noNoise"}


LOADED = """
import adatom, sys, torch
from torch.utils.data import DataLoader
for workers in (0, 2):
    batches = list(DataLoader(adatom.Library(sys.argv[1]), batch_size=2, num_workers=workers))
    print([tuple(batch["image"].shape) for batch in batches], batches[0]["noNoise"].dtype)
"""


def test_a_library_goes_into_a_default_data_loader(library, tmp_path):
    python = pytorch()
    # The system's Python sees this package, and nothing else of this one's.
    shutil.copytree(Path(adatom.__file__).parent, tmp_path / "adatom")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([python, "-c", LOADED, library], capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == 2 * "[(2, 40, 48), (2, 40, 48), (1, 40, 48)] torch.float32\n"


def test_a_library_that_is_none_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="none: there is no such folder"):
        adatom.Library(tmp_path / "none")
    with pytest.raises(ValueError, match="library.json"):
        adatom.Library(tmp_path)
    (tmp_path / "library.json").write_text(json.dumps({"program": "x"}))
    with pytest.raises(ValueError, match="library.json"):
        adatom.Library(tmp_path)
