"""The napari plugin's reader of microscopes' files; it needs no Qt."""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import describe, open, simulate
from ._image import Image

LayerData = tuple[Any, dict[str, Any], str]


def reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """A function that reads ``path``, if it is a file that is known."""
    first = path[0] if isinstance(path, list) else path
    try:
        describe(first)
    except (OSError, ValueError):
        return None
    return read


def read(path: str | list[str]) -> list[LayerData]:
    """The images of files as layers, stacks with all their frames, in nanometres where the pixel size is known."""
    layers = []
    for file in path if isinstance(path, list) else [path]:
        image = open(file)
        frames = image.info["frames"]
        data = image.data
        if frames > 1:
            signal = image.info["signal"]
            data = np.stack([open(file, signal=signal, frame=frame).data for frame in range(frames)])
        layers.append((data, layer_options(image, data.ndim), "image"))
    return layers


def layer_options(image: Image, axes: int = 2) -> dict[str, Any]:
    """Name, calibration and metadata of a layer that shows an image."""
    options: dict[str, Any] = {
        "name": image.name.rsplit("/", 1)[-1],
        "metadata": {"adatom": {"pixel_size": image.pixel_size, "metadata": image.metadata}},
    }
    if image.pixel_size is not None:
        options["scale"] = [1.0] * (axes - 2) + [image.pixel_size.y / 10, image.pixel_size.x / 10]
        options["units"] = ["pixel"] * (axes - 2) + ["nm", "nm"]
    return options


def example() -> list[LayerData]:
    """A simulated image to try the widget with."""
    sample = simulate("SrTiO3", pixel_size=0.2, jitter=0.1, background=0.2)
    return [(sample.image, layer_options(Image(sample.image, sample.pixel_size, name="SrTiO3")), "image")]
