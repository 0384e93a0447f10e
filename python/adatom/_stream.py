"""Endless training samples."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _adatom
from ._check import count, names
from ._crystal import recipe_text
from ._image import PathLike
from ._locate import TASKS


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples of one size.

    Attributes
    ----------
    image
        ``[sample, 1, row, column]``, float32, in units of the ideal image's peak; normalised: minus its mean, over its
        standard deviation.
    labels
        ``[sample, label, row, column]``, float32, in the same unit, masks from 0 to 1.
    weights
        Normalised: the weight of each squared error, such that their mean is the loss that Adatom trains with; else
        ``None``.
    names
        The labels' names, in order.
    samples
        What is known of each sample: ``index``, ``pixel_angstrom`` [Å], ``psnr_db`` [dB], ``columns``, ``settings``.
    """

    image: Any
    labels: Any
    weights: Any
    names: tuple[str, ...]
    samples: list[dict[str, Any]]

    def to(self, from_dlpack: Callable[[Any], Any]) -> "Batch":
        """The same arrays in another framework, by its function: ``batch.to(torch.from_dlpack)``,
        ``batch.to(jax.dlpack.from_dlpack)``. No values are copied where the framework doesn't."""
        weights = None if self.weights is None else from_dlpack(self.weights)
        return replace(self, image=from_dlpack(self.image), labels=from_dlpack(self.labels), weights=weights)


class Stream(Iterator[Batch]):
    """Batches of a recipe's samples without end, made ahead by threads of this process: make one in each worker. See
    :func:`stream`."""

    def __init__(
        self,
        recipe: PathLike | dict[str, Any],
        seed: int,
        batch: int,
        labels: Sequence[str] | str,
        first: int,
        workers: int,
        normalised: bool,
        dlpack: Callable[[Any], Any] | None,
    ) -> None:
        self._generator = _adatom.Generator(recipe_text(recipe), count("seed", seed))
        self.recipe: dict[str, Any] = json.loads(self._generator.recipe())
        self.identity = self._generator.identity()
        self.names = tuple(names("labels", labels))
        self._dlpack = dlpack
        self._native = _adatom.Stream(
            self._generator,
            count("first", first),
            count("batch", batch),
            count("workers", workers),
            list(self.names),
            normalised,
        )

    def __next__(self) -> Batch:
        image, labels, weights, known = self._native.next()
        batch = Batch(image, labels, weights, self.names, json.loads(known))
        return batch if self._dlpack is None else batch.to(self._dlpack)


def stream(
    recipe: PathLike | dict[str, Any] = "extended",
    seed: int = 1,
    *,
    batch: int = 8,
    labels: Sequence[str] | str = TASKS,
    first: int = 0,
    workers: int = 1,
    normalised: bool = False,
    dlpack: Callable[[Any], Any] | None = None,
) -> Stream:
    """An endless iterator of training samples, for training in PyTorch, JAX or anything else.

    Parameters
    ----------
    recipe
        Name of a built-in recipe (:func:`adatom.recipe_names`), path of a TOML file, or a dict of a recipe's keys.
    seed
        Under a seed batch *n* is always the same, on any machine with any number of threads.
    batch
        Samples in a batch.
    labels
        Names of the labels, or one name.
    first
        Number of the first sample, to go on where another stream ended.
    workers
        Threads that make samples ahead.
    normalised
        Give what Adatom's own network is trained with: images and labels in its units, and the weights of the errors.
    dlpack
        A framework's function, such as ``torch.from_dlpack``, that arrays are given through; by default they are
        NumPy's, which are also DLPack's.

    Returns
    -------
    Stream of Batch

    Examples
    --------
    >>> batches = adatom.stream("paper", seed=3, batch=4)
    >>> next(batches).image.shape
    (4, 1, 256, 256)
    """
    return Stream(recipe, seed, batch, labels, first, workers, normalised, dlpack)
