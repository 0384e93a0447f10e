"""The native part; its functions check little and are for this package alone."""

import os
from collections.abc import Callable
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AnalysisError",
    "FormatError",
    "Generator",
    "Library",
    "Model",
    "Stream",
    "__version__",
    "adapt",
    "analyse",
    "bound",
    "describe",
    "locate",
    "material_names",
    "parse_pixel_size",
    "precision",
    "read_image",
    "recipe_names",
    "restore",
    "set_threads",
    "suggest_threads",
    "threads",
    "train",
]
__version__: str

_Path: TypeAlias = str | os.PathLike[str]
_Floats: TypeAlias = NDArray[np.float32]
_Sides: TypeAlias = tuple[float, float] | None
_Progress: TypeAlias = Callable[[str], object] | None

class FormatError(ValueError):
    """A file that can't be used: damaged, of an unknown format, or without what was asked for."""

class AnalysisError(ValueError):
    """Columns without the lattice that was asked for."""

@final
class Model:
    def __new__(cls, path: _Path | None, device: str) -> Model: ...
    def card(self) -> str: ...
    def to_onnx(self) -> bytes: ...
    def to_safetensors(self) -> bytes: ...

@final
class Generator:
    def __new__(cls, recipe: str, seed: int) -> Generator: ...
    def recipe(self) -> str: ...
    def identity(self) -> str: ...
    def plan(self) -> str: ...
    def simulate(self, progress: _Progress) -> None: ...
    def sample(self, index: int) -> tuple[dict[str, _Floats], dict[str, NDArray[np.float64]], str]: ...

@final
class Stream:
    def __new__(
        cls, generator: Generator, first: int, batch: int, workers: int, tasks: list[str], normalised: bool
    ) -> Stream: ...
    def next(self) -> tuple[_Floats, _Floats, _Floats | None, str]: ...

@final
class Library:
    def __new__(cls, path: _Path) -> Library: ...
    def manifest(self) -> str: ...
    def labels(self) -> list[str]: ...
    def ids(self) -> list[int]: ...
    def sample(self, position: int, labels: list[str]) -> tuple[dict[str, _Floats], str]: ...

def adapt(adapting: str, image: _Floats | None, name: _Path, pixel: _Sides, progress: _Progress) -> str: ...
def analyse(positions: NDArray[np.float64], brightness: NDArray[np.float64]) -> str: ...
def bound(experiment: str) -> str: ...
def describe(path: _Path, stats: bool, tags: bool) -> str: ...
def locate(
    model: Model, image: _Floats, name: _Path, pixel: _Sides, settings: str, progress: _Progress
) -> tuple[dict[str, Any], dict[str, _Floats], str]: ...
def material_names() -> list[str]: ...
def parse_pixel_size(text: str) -> tuple[float, float]: ...
def precision(
    model: Model, image: _Floats, name: _Path, pixel: tuple[float, float], scale: str, progress: _Progress
) -> str: ...
def read_image(
    path: _Path, signal: str | None, frame: int | None, virtual_band: tuple[float, float] | None
) -> tuple[_Floats, _Sides, str]: ...
def recipe_names() -> list[str]: ...
def restore(
    model: Model, image: _Floats, name: _Path, pixel: _Sides, restoring: str, progress: _Progress
) -> tuple[dict[str, _Floats], str]: ...
def set_threads(count: int) -> None:
    """Sets how many threads all calls of this process share.

    Without it they are as many as ``ADATOM_THREADS``, ``RAYON_NUM_THREADS`` or ``OMP_NUM_THREADS`` says, the first that
    is set, or as there are processors.
    """

def suggest_threads(count: int) -> None:
    """The same for a program that shares out processors: what the user has set stays."""

def threads() -> int:
    """How many threads the calls of this process share."""

def train(training: str, progress: _Progress) -> str: ...
