"""The network elsewhere: ONNX Runtime and PyTorch."""

import os
import shutil
import subprocess
from pathlib import Path

import adatom
import numpy as np
import pytest

from conftest import pytorch

EXAMPLE = Path(__file__).parents[1] / "examples" / "pytorch_unet.py"


def assert_close(found: np.ndarray, expected: np.ndarray, name: str) -> None:
    apart = np.abs(found - expected).max() / np.ptp(expected)
    assert apart < 1e-4, f"{name}: {apart:.1e} of the range"


@pytest.mark.parametrize("offset", [0.0, 3e4])
def test_onnx_runtime_gives_the_same_maps(tmp_path, offset):
    runtime = pytest.importorskip("onnxruntime")
    image = adatom.simulate("SrTiO3", pixel_size=0.18, shape=(150, 173), dose=2e4).image * 1e3 + np.float32(offset)
    path = adatom.to_onnx(tmp_path / "adatom.onnx")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = adatom.restore(image, scale=1.0)
    names = [output.name for output in session.get_outputs()]
    assert names == list(expected)
    twice = np.stack([image, 2 * image])[:, None]
    for name, maps in zip(names, session.run(names, {"image": twice}), strict=True):
        assert maps.shape == (2, 1, 150, 173)
        assert_close(maps[0, 0], expected[name], name)
    assert session.get_modelmeta().custom_metadata_map["licence"] == adatom.Model().card["licence"]


def test_an_image_without_contrast_goes_through_onnx(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(adatom.to_onnx(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"])
    maps = session.run(None, {"image": np.full((1, 1, 64, 64), 7, np.float32)})
    assert all(np.isfinite(m).all() for m in maps)


def test_the_weights_load_in_pytorch(tmp_path):
    python = pytorch()
    assert len(EXAMPLE.read_text().splitlines()) <= 40
    side = 256
    image = adatom.simulate("SrTiO3", pixel_size=0.18, shape=(side, side), dose=2e4).image
    np.save(tmp_path / "image.npy", image)
    weights = adatom.Model().to_safetensors(tmp_path / "weights.safetensors")
    # The system's Python sees this one's safetensors, and nothing else of it.
    package = pytest.importorskip("safetensors").__path__[0]
    shutil.copytree(package, tmp_path / "packages" / "safetensors")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "packages")}
    subprocess.run([python, EXAMPLE, weights, tmp_path / "image.npy", tmp_path / "maps.npy"], check=True, env=environment)
    found = np.load(tmp_path / "maps.npy")
    # PyTorch sees zeros beyond the border, Adatom a reflection: the same farther away than the network reaches.
    inner = (slice(64, side - 64),) * 2
    for maps, (name, expected) in zip(found, adatom.restore(image, scale=1.0).items(), strict=True):
        assert_close(maps[inner], expected[inner], name)
