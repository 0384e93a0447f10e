"""Libraries of labelled samples on disk."""

import json
import operator
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _adatom
from ._check import names
from ._image import PathLike


class Library:
    """A library on disk, as ``adatom library build`` writes it: a sequence of its samples.

    It is a dataset for ``torch.utils.data.DataLoader``, which makes batches of its items as they are; it can be pickled,
    so that workers of any start method may read it.

    Parameters
    ----------
    path
        The library's folder.
    labels
        Names of the images to read of each sample, or one name; by default all that the library has, without those of
        another size.
    record
        Also give what is known of each sample as ``record``. Records have different lengths: a ``DataLoader`` needs a
        ``transform`` or ``collate_fn`` for them.
    transform
        Called with every sample; what it returns is the item.

    Notes
    -----
    An item is a dict: the images by their names, float32 ``[row, column]``, in units of the ideal image's peak, masks from
    0 to 1; and if asked for ``record``, a dict: ``id``, ``columns`` with ``x`` and ``y`` [px], ``psnr_db`` [dB], …

    Raises
    ------
    FileNotFoundError, ValueError
        Where there is no folder, or no library in it.
    """

    def __init__(
        self,
        path: PathLike,
        *,
        labels: Sequence[str] | str | None = None,
        record: bool = False,
        transform: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        self.path = os.fspath(path)
        if not Path(self.path).exists():
            raise FileNotFoundError(f"{self.path}: there is no such folder; give one that adatom library build has written")
        self.record = record
        self.transform = transform
        self._native = _adatom.Library(self.path)
        self._count = len(self._native.ids())
        self.manifest: dict[str, Any] = json.loads(self._native.manifest())
        known = self._native.labels()
        wanted = [name for name in known if not name.endswith("2x")] if labels is None else names("labels", labels)
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
        index = operator.index(index)
        if not -count <= index < count:
            raise IndexError(f"sample {index} was asked for; {self.path} has {count}")
        images, record = self._native.sample(index % count, self.labels)
        item: dict[str, Any] = {**images, "record": json.loads(record)} if self.record else images
        return item if self.transform is None else self.transform(item)

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "labels": self.labels, "record": self.record, "transform": self.transform}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state.pop("path"), **state)  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"<adatom.Library {self.path}: {len(self)} samples of {self.manifest['name']}>"
