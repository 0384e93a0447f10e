"""Settings of any numeric type, and those that can't be meant."""

import adatom
import numpy as np
import pytest

from test_samples import RECIPE

PLAN = {"zone": "001", "energy_kv": 200, "semiangle_mrad": 24, "pixel_size": 0.2, "dose": 1e4}


def same(one: dict, other: dict) -> bool:
    return one["results"] == other["results"]


def test_a_bound_takes_numbers_of_numpy():
    usual = adatom.bound("SrTiO3", **PLAN)
    given = {
        "zone": np.array([0, 0, 1]),
        "energy_kv": np.float32(200),
        "semiangle_mrad": np.int64(24),
        "pixel_size": np.array([0.2, 0.2]),
        "dose": np.array([1e4], np.float32),
        "thickness": np.int64(100),
        "detector_mrad": np.array([80, 200]),
    }
    assert same(adatom.bound("SrTiO3", **given), usual)


def test_simulations_and_streams_take_numbers_of_numpy():
    usual = adatom.simulate("SrTiO3", shape=(48, 40), thickness=80, optics={"energy_kv": 80}, seed=3)
    optics = {"energy_kv": np.float32(80)}
    given = adatom.simulate("SrTiO3", shape=np.array([48, 40]), thickness=np.int64(80), optics=optics, seed=np.uint8(3))
    assert np.array_equal(usual.image, given.image)
    recipe = {**RECIPE, "image": {**RECIPE["image"], "width": np.int32(48), "field_of_view_angstrom": np.float32(10)}}
    batch = next(adatom.stream(recipe, seed=np.int64(3), batch=np.int8(1), first=np.int64(7), labels="noNoise"))
    assert np.array_equal(batch.image, next(adatom.stream(RECIPE, seed=3, batch=1, first=7)).image)
    assert batch.names == ("noNoise",) and batch.labels.shape[1] == 1


def test_locating_takes_numbers_of_numpy(crystal_image):
    usual = adatom.locate(crystal_image.image, scale=1.0, threshold=0.5, pixel_size=0.25)
    given = adatom.locate(crystal_image.image, scale=np.float32(1), threshold=np.float16(0.5), pixel_size=np.float32(0.25))
    assert np.array_equal(usual.positions, given.positions)
    before = adatom.threads()
    adatom.set_threads(np.int64(before))


def test_an_image_takes_whatever_is_a_pixel_size(crystal_image):
    for size in (0.18, "18pm", (0.18, 0.18), np.float64(0.18)):
        image = adatom.Image(crystal_image.image, size)
        assert isinstance(image.pixel_size, adatom.PixelSize) and image.pixel_size == pytest.approx((0.18, 0.18))
    assert image != adatom.Image(crystal_image.image, 0.18) and image == image


NUMBERS = [
    (adatom.bound, ("SrTiO3",), PLAN, ("thickness", "energy_kv", "semiangle_mrad", "rotation", "source_size", "c3_mm", "background")),
    (adatom.bound, ("SrTiO3",), PLAN, ("merge", "jitter", "dose", "peak_fraction", "defocus_angstrom", "pixel_size")),
    (adatom.simulate, ("SrTiO3",), {}, ("thickness", "rotation", "dose", "dwell_us", "peak_fraction", "jitter", "background")),
    (adatom.locate, (np.eye(64),), {}, ("scale", "threshold", "gain", "offset", "pixel_size")),
    (adatom.train, ("nowhere",), {}, ("rate",)),
    (adatom.adapt, ("nowhere", "Au"), {"zone": "001", "energy_kv": 200, "semiangle_mrad": 24}, ("minutes", "energy_kv")),
]
EACH = [(*call, name) for *call, names in NUMBERS for name in names]


@pytest.mark.parametrize(("function", "arguments", "options", "name"), EACH)
def test_what_is_no_finite_number_is_refused_by_name(function, arguments, options, name):
    for value, error in ((np.nan, ValueError), (np.float32(np.inf), ValueError), (1 + 2j, TypeError), (object(), TypeError)):
        with pytest.raises(error, match=name):
            function(*arguments, **{**options, name: value})


COUNTS = [
    (adatom.simulate, ("SrTiO3",), {}, ("seed",)),
    (adatom.stream, (RECIPE,), {}, ("seed", "batch", "first", "workers")),
    (adatom.open, ("none.tif",), {}, ("frame",)),
    (adatom.train, ("nowhere",), {}, ("steps", "batch", "warmup", "seed", "checkpoint", "workers")),
    (adatom.adapt, ("nowhere", "Au"), {"zone": "001", "energy_kv": 200, "semiangle_mrad": 24}, ("samples",)),
]


@pytest.mark.parametrize(
    ("function", "arguments", "options", "name"), [(*call, name) for *call, names in COUNTS for name in names]
)
def test_what_is_no_count_is_refused_by_name(function, arguments, options, name):
    for value, error in ((-1, ValueError), (np.int64(-1), ValueError), (2**70, ValueError), (1.5, TypeError), ("1", TypeError)):
        with pytest.raises(error, match=name):
            function(*arguments, **{**options, name: value})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: adatom.set_threads(-1), ValueError, "count is -1"),
        (lambda: adatom.simulate("SrTiO3", dwell_us=0), ValueError, "dwell_us is 0; it must be above 0"),
        (lambda: adatom.simulate("SrTiO3", dose=0), ValueError, "dose is 0; it must be above 0"),
        (lambda: adatom.simulate("SrTiO3", optics={"energy_kv": np.nan}), ValueError, "energy_kv is nan"),
        (lambda: adatom.simulate("SrTiO3", shape=64), ValueError, "shape is 64"),
        (lambda: adatom.simulate("SrTiO3", zone=(1.5, 0, 0)), TypeError, "zone"),
        (lambda: adatom.bound("SrTiO3", **{**PLAN, "zone": np.array([0.0, 0.0, 1.0])}), TypeError, "zone"),
        (lambda: adatom.bound("SrTiO3", **PLAN, detector_mrad=80), ValueError, "detector_mrad"),
        (lambda: adatom.locate(np.eye(64), method="mle", offset=5), ValueError, "offset is 5, but gain is None"),
        (lambda: adatom.locate(np.ma.masked_greater(np.eye(64), 0.5)), TypeError, "64 of the values are masked"),
        (lambda: adatom.locate(np.ma.masked_greater(np.stack([np.eye(64)] * 2), 0.5)), TypeError, "frame 0: 64 .* masked"),
        (lambda: adatom.analyse(np.zeros((20, 2), complex)), TypeError, "columns: the values are complex128"),
        (lambda: adatom.analyse(np.zeros((20, 2)), brightness=np.ma.masked_equal(np.zeros(20), 0)), TypeError, "brightness"),
        (lambda: adatom.stream(RECIPE, labels=[3]), TypeError, "labels has 3"),
        (lambda: adatom.stream({**RECIPE, "name": object()}), TypeError, "name is a object"),
    ],
)
def test_what_would_be_misread_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_mask_that_hides_nothing_is_no_hindrance(crystal_image):
    open_mask = np.ma.masked_invalid(crystal_image.image)
    assert len(adatom.locate(open_mask)) == len(adatom.locate(crystal_image.image)) > 100
