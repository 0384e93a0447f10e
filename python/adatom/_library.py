"""Libraries of labelled samples on disk."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _adatom
from ._image import PathLike


class Library:
    """A library on disk, as ``adatom library build`` writes it: a sequence of its samples.

    It has what ``torch.utils.data.DataLoader`` asks of a dataset, and can be pickled, so that workers of any start
    method may read it.

    Parameters
    ----------
    path
        The library's folder.
    labels
        Names of the images to read of each sample; by default all that the library has, without those of another size.
    transform
        Called with every sample; what it returns is the item.

    Notes
    -----
    An item is a dict: the images by their names, float32 ``[row, column]``, in units of the ideal image's peak, masks from
    0 to 1; and ``record``, what is known of the sample: ``columns`` with ``x`` and ``y`` [px], ``psnr_db`` [dB], …
    """

    def __init__(
        self,
        path: PathLike,
        *,
        labels: Sequence[str] | None = None,
        transform: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self.transform = transform
        self._native = _adatom.Library(self.path)
        self._count = len(self._native.ids())
        self.manifest: dict[str, Any] = json.loads(self._native.manifest())
        known = self._native.labels()
        wanted = [name for name in known if not name.endswith("2x")] if labels is None else list(labels)
        for name in wanted:
            if name not in known:
                raise ValueError(f"label {name!r} is not in {self.path}; it has {', '.join(known)}")
        self.labels = wanted

    @property
    def ids(self) -> NDArray[np.int64]:
        """Numbers of the samples, by which their files are called."""
        return np.asarray(self._native.ids(), dtype=np.int64)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        count = self._count
        index = int(index)
        if not -count <= index < count:
            raise IndexError(f"sample {index} was asked for; {self.path} has {count}")
        images, record = self._native.sample(index % count, self.labels)
        item: dict[str, Any] = {**images, "record": json.loads(record)}
        return item if self.transform is None else self.transform(item)

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "labels": self.labels, "transform": self.transform}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state.pop("path"), **state)  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"<adatom.Library {self.path}: {len(self)} samples of {self.manifest['name']}>"
