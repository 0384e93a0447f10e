"""Networks."""

import functools
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from . import _adatom
from ._image import PathLike


class Model:
    """A trained network: the one that comes with the package, or your own. Pickled, it is opened again from where it is.

    Parameters
    ----------
    path
        A training's folder or a ``.safetensors`` file with its card beside it; by default the shipped network.
    device
        ``"auto"``, ``"cpu"`` or ``"gpu"``.
    """

    def __init__(self, path: PathLike | None = None, *, device: str = "auto") -> None:
        self.path = None if path is None else os.fspath(path)
        self.device = device
        self._native = _adatom.Model(self.path, device)

    @functools.cached_property
    def card(self) -> dict[str, Any]:
        """The model card: how it was made and what it is worth."""
        card: dict[str, Any] = json.loads(self._native.card())
        return card

    def to_onnx(self, path: PathLike) -> Path:
        """Writes the network as ONNX, see :func:`adatom.to_onnx`."""
        return _write(path, self._native.to_onnx())

    def to_safetensors(self, path: PathLike) -> Path:
        """Writes the weights as safetensors, which PyTorch and JAX read (examples/pytorch_unet.py)."""
        return _write(path, self._native.to_safetensors())

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the weights."""
        return hashlib.sha256(self._native.to_safetensors()).hexdigest()

    def __reduce__(self) -> tuple[Any, ...]:
        path = None if self.path is None else os.path.abspath(self.path)
        return _reopen, (path, self.device, self.digest)

    def __repr__(self) -> str:
        return f"<adatom.Model {self.card['name']}>"


@functools.lru_cache(maxsize=4)
def _reopen(path: str | None, device: str, digest: str) -> Model:
    """A model that was pickled: with the same weights, or not at all."""
    model = Model(path, device=device)
    if model.digest != digest:
        raise ValueError(
            f"{'the shipped model' if path is None else path} has other weights than when it was pickled; pickle it again, and use one "
            "version of adatom everywhere"
        )
    return model


@functools.lru_cache(maxsize=1)
def _shipped(device: str) -> Model:
    return Model(device=device)


def as_model(given: Model | PathLike | None) -> Model:
    """The model that is meant; the shipped one is opened once. One at a path is opened anew, as it may have changed."""
    if given is None:
        return _shipped("auto")
    return given if isinstance(given, Model) else Model(given)


def _write(path: PathLike, content: bytes) -> Path:
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def to_onnx(path: PathLike, model: Model | PathLike | None = None) -> Path:
    """Writes a network as ONNX (operator set 13), with its normalisation inside.

    The model takes ``image`` ``[batch, 1, height, width]``, float32 in any unit, at the network's scale (columns about 22 px
    apart), at least 64 px a side, and gives every map of :func:`adatom.restore` by its name in the same size and unit:
    the same numbers as ``adatom.restore(image, scale=1)`` to 1e-4 of the image's range.

    Parameters
    ----------
    path
        The file to write.
    model
        A model or its path; by default the shipped network.
    """
    return as_model(model).to_onnx(path)
