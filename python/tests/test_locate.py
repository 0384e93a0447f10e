"""Opening, locating and restoring: what the command does, and arrays as they come."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import adatom
import numpy as np
import pandas
import pytest

from conftest import assert_equal, atoms, in_csv, run, shared

CALIBRATED = [
    "ingrained/CdTe_110_CdTe_110_twin__HAADF26.dm3",
    "ncem/16_STOimage_1.ser",
    "hpai_ptnc/025_HAADF_15nm_Sample_PtNC_21Oct20.tif",
]

REAL = [
    "atomsegnet/10_dso_8nm_none_none.png",
    "atomsegnet/Grain_boundry_gold_512px.png",
    "atomsegnet/Si110_5nmX25us_03_none_none.png",
]


def same_number(text: str, other: str) -> bool:
    """Whether two texts are the same number: exponents are written in two ways."""
    return text == other or (text != "" and other != "" and float(text) == float(other))


def assert_same(table: np.ndarray, folder: Path) -> None:
    ours, theirs = in_csv(table), atoms(folder)
    assert len(ours) == len(theirs) > 0
    for mine, cli in zip(ours, theirs, strict=True):
        assert mine.keys() == cli.keys()
        for name in mine:
            same = mine[name] == cli[name] if name == "flags" else same_number(mine[name], cli[name])
            assert same, f"column {mine['id']}: {name} is {mine[name]}, the command says {cli[name]}"


def compare(command: list[str], path: Path, folder: Path, method: str, **options: str | float) -> adatom.LocatedColumns:
    given = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    report = run(command, "locate", str(path), "-o", str(folder), "--method", method, *given)
    result = adatom.locate(path, method=method, **options)
    assert_same(result.table, folder)
    assert result.scale == report["scale"]
    for name, image in result.maps.items():
        assert np.array_equal(image, adatom.open(folder / f"{name}.tif").data), name
    return result


@pytest.mark.parametrize("method", ["otsu", "centroid", "gaussian", "mle", "auto"])
def test_the_example_is_located_as_by_the_command(command, example, tmp_path, method):
    compare(command, example, tmp_path / "out", method)


@pytest.mark.parametrize("name", REAL)
def test_real_images_are_located_as_by_the_command(command, tmp_path, name):
    compare(command, shared("stem", *name.split("/")), tmp_path / "out", "centroid", pixel_size="9.4pm")


@pytest.mark.parametrize("name", CALIBRATED)
def test_calibrated_files_are_located_as_by_the_command(command, tmp_path, name):
    # At a scale that is given, because looking for one takes its time.
    result = compare(command, shared("stem", *name.split("/")), tmp_path / "out", "centroid", scale=1.0)
    assert np.isfinite(result.table["x_angstrom"]).all()


def test_an_opened_image_has_data_pixel_size_and_metadata(example):
    image = adatom.open(example)
    assert image.data.dtype == np.float32 and image.shape == image.data.shape
    assert image.pixel_size is not None and image.pixel_size.x == pytest.approx(image.pixel_size.y)
    assert isinstance(image.metadata, dict) and image.info["format"] == "TIFF"
    assert np.asarray(image) is image.data


def test_tables_hold_the_same_numbers_in_every_form(crystal_image):
    result = adatom.locate(crystal_image.image, pixel_size=crystal_image.pixel_size)
    frame, polars = result.to_pandas(), result.to_polars()
    assert result.table.dtype == adatom.TABLE and len(frame) == len(polars) == len(result)
    assert list(frame.columns) == polars.columns == list(adatom.TABLE.names)
    assert np.array_equal(frame["x_px"], result.positions[:, 0])
    assert np.array_equal(polars["flags"].to_numpy().astype(str), result.table["flags"])
    assert isinstance(frame, pandas.DataFrame)


def test_columns_of_a_simulated_image_are_where_they_are(crystal_image):
    result = adatom.locate(crystal_image.image, pixel_size=crystal_image.pixel_size)
    # Columns of oxygen alone are found, too, but aren't labelled.
    rows, columns = crystal_image.image.shape
    inner = crystal_image.positions[np.abs(crystal_image.positions - [columns / 2, rows / 2]).max(axis=1) < 60]
    apart = np.linalg.norm(inner[:, None] - result.positions[None], axis=2).min(axis=1)
    assert len(inner) > 40 and np.sqrt((apart**2).mean()) < 0.5
    assert result.maps["noNoise"].shape == crystal_image.image.shape


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint16, np.int32, ">u2"])
def test_arrays_of_any_real_type_and_layout_give_one_result(crystal_image, kind):
    levels = np.round(crystal_image.image * 1000)
    usual = adatom.locate(levels.astype(np.float32))
    shaped = np.asfortranarray(levels.astype(kind))
    assert_equal(adatom.locate(shaped).table, usual.table)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (np.zeros((64, 64), complex), TypeError, "complex128"),
        (np.array([["a"]]), TypeError, "real numbers"),
        (np.zeros(64), ValueError, r"\(64,\)"),
        (np.zeros((64, 64, 3)), ValueError, "colour"),
        (np.zeros((64, 64)), ValueError, "same value"),
        (np.full((64, 64), np.nan), ValueError, "NaN"),
        (np.eye(4), ValueError, "at least 8"),
        (object(), TypeError, "object"),
    ],
)
def test_what_is_no_image_is_refused_by_name(given, error, message):
    with pytest.raises(error, match=message):
        adatom.locate(given)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "best"}, ValueError, "centroid"),
        ({"scale": "big"}, ValueError, "auto"),
        ({"scale": 99.0}, ValueError, "0.02 to 8"),
        ({"threshold": 2}, ValueError, "0 to 1"),
        ({"descan": True}, ValueError, "gaussian, mle or auto"),
        ({"pixel_size": "9.4"}, ValueError, "no unit"),
        ({"pixel_size": -1.0}, ValueError, "not believable"),
        ({"pixel_size": object()}, TypeError, "object"),
        ({"model": "no-such-model"}, FileNotFoundError, "no-such-model"),
        ({"frame": 1}, TypeError, "path"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(crystal_image, options, error, message):
    with pytest.raises(error, match=message):
        adatom.locate(crystal_image.image, **options)


def test_files_that_cannot_be_used_raise_fitting_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        adatom.open(tmp_path / "none.tif")
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\0\xff\xff\xff\xff")
    with pytest.raises(adatom.FormatError, match="broken.tif"):
        adatom.open(broken)
    assert issubclass(adatom.FormatError, ValueError)


def test_restoring_gives_the_maps_of_locating(crystal_image):
    result = adatom.locate(crystal_image.image)
    restored = adatom.restore(crystal_image.image)
    assert restored.keys() == result.maps.keys()
    # The masks of `locate` are means over mirrored images where a column is in doubt.
    images = [name for name in restored if not name.endswith("Mask")]
    assert len(images) == 3 and all(np.array_equal(restored[name], result.maps[name]) for name in images)
    masks = [name for name in restored if name.endswith("Mask")]
    assert all(np.corrcoef(restored[name].ravel(), result.maps[name].ravel())[0, 1] > 0.9 for name in masks)
    alone = adatom.restore(crystal_image.image, "noNoise")
    assert np.array_equal(alone, result.maps["noNoise"]) and alone.flags.c_contiguous
    truth = crystal_image.labels["noNoise"]
    assert np.abs(alone - truth).mean() < 0.5 * np.abs(crystal_image.image - truth).mean()
    with pytest.raises(ValueError, match="gaussianMask"):
        adatom.restore(crystal_image.image, "nonsense")


def test_a_plot_has_a_ring_a_column_and_the_users_style(crystal_image):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    result = adatom.locate(crystal_image.image, pixel_size=crystal_image.pixel_size)
    with plt.style.context("ggplot"):
        ax = result.plot(edgecolors="lime")
    assert len(ax.collections[0].get_offsets()) == len(result) and ax.texts[0].get_text() == "5 Å"
    plt.close(ax.figure)
    assert len(adatom.locate(crystal_image.image).plot().texts) == 0
    for names in ("edgecolors", "edgecolor", "ec", "color"):
        [ring] = result.plot(**{names: "lime", "lw": 3}, ax=plt.figure().add_subplot()).collections
        assert np.allclose(ring.get_edgecolor(), [[0, 1, 0, 1]]) and len(ring.get_facecolor()) == 0 and ring.get_linewidth() == [3]
    [dots] = result.plot(c=result.table["score"], ax=plt.figure().add_subplot()).collections
    assert len(dots.get_array()) == len(result)
    with pytest.raises(TypeError, match="another name"):
        result.plot(edgecolor="red", ec="red")
    plt.close("all")


def test_progress_is_told_and_its_exceptions_end_the_work(crystal_image):
    parts: list[float] = []
    adatom.locate(crystal_image.image, scale=1.0, progress=parts.append)
    assert parts[-1] == 1.0

    def refuse(part: float) -> None:
        raise LookupError(str(part))

    with pytest.raises(LookupError):
        adatom.locate(crystal_image.image, progress=refuse)


def test_other_threads_run_while_it_works(example):
    image = adatom.open(example)
    adatom.locate(image)
    counted = [0]
    working = threading.Event()

    def count() -> None:
        while not working.is_set():
            counted[0] += 1
            time.sleep(0.001)

    other = threading.Thread(target=count)
    other.start()
    adatom.locate(image)
    working.set()
    other.join()
    assert counted[0] > 10


WAITING = """
import adatom, numpy, sys
image = numpy.random.default_rng(1).random((3000, 3000), dtype=numpy.float32)
print("ready", flush=True)
try:
    adatom.locate(image, scale=2.0)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_ends_a_long_call():
    process = subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(1.0)
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert out == "interrupted\n" and process.returncode == 0


NESTED = """
import adatom, numpy, signal
image = adatom.simulate("SrTiO3", pixel_size=0.2, shape=(96, 96)).image
here = len(adatom.locate(image, scale=1.0))
found = []
def within(part):
    found.append(len(adatom.locate(image, scale=1.0, progress=lambda part: adatom.simulate("SrTiO3", shape=(32, 32)))))
adatom.locate(image, scale=1.0, progress=within)
def handle(*_):
    found.append(len(adatom.locate(image, scale=1.0)))
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.2, 1.0)
large = numpy.random.default_rng(1).random((1200, 1200), dtype=numpy.float32)
adatom.restore(large, "noNoise", scale=1.0)
signal.setitimer(signal.ITIMER_REAL, 0)
print(here > 10 and set(found) == {here}, adatom.threads())
"""


def test_a_call_from_within_progress_does_not_wait_for_its_own_caller():
    environment = {**os.environ, "ADATOM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", NESTED], capture_output=True, text=True, timeout=60, env=environment, check=True)
    assert done.stdout == "True 1\n"


FORKED = """
import adatom, multiprocessing, numpy
image = adatom.simulate("SrTiO3", pixel_size=0.2, shape=(128, 128)).image
def count(_):
    return len(adatom.locate(image))
if __name__ == "__main__":
    here = count(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(count, range(2)) == [here, here])
"""


def test_forked_processes_have_threads_of_their_own():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "True\n"


def test_threads_are_set_for_the_process():
    before = adatom.threads()
    adatom.set_threads(1)
    assert adatom.threads() == 1
    adatom.set_threads(before)
    with pytest.raises(ValueError, match="1 to 1024"):
        adatom.set_threads(0)


CHOSEN = """
import adatom, multiprocessing
from adatom import _adatom
def count(_):
    return adatom.threads()
if __name__ == "__main__":
    _adatom.suggest_threads(3)
    suggested = adatom.threads()
    adatom.set_threads(2)
    _adatom.suggest_threads(5)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(suggested, adatom.threads(), pool.map(count, [0]))
"""


def test_threads_that_the_user_has_set_stay_in_forks_and_on_clusters():
    done = subprocess.run([sys.executable, "-c", CHOSEN], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "3 2 [2]\n"
