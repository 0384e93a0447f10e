"""Training and adapting networks."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from . import _adatom
from ._check import count, names, number, to_json
from ._crystal import material, recipe_text, zone_text
from ._image import PathLike, PixelSizeLike, as_image, as_pixel_size
from ._model import Model

#: Called with ``step``, ``steps``, ``loss``, ``rate`` and ``seconds_left`` [s] after every step.
Steps: TypeAlias = Callable[[dict[str, Any]], object] | None


def _listen(progress: Steps) -> Callable[[str], object] | None:
    return None if progress is None else lambda told: progress(json.loads(told))


def train(
    folder: PathLike,
    *,
    recipe: PathLike | dict[str, Any] = "extended",
    library: PathLike | None = None,
    resume: bool = False,
    init: PathLike | None = None,
    steps: int = 12000,
    batch: int = 8,
    widths: Sequence[int] = (16, 32, 64, 128),
    tasks: Sequence[str] | str = (),
    loss: Literal["chi-square", "mse", "mixed"] = "chi-square",
    rate: float = 2e-3,
    warmup: int = 100,
    seed: int = 1,
    checkpoint: int = 200,
    workers: int = 1,
    device: str = "auto",
    progress: Steps = None,
) -> Model:
    """Trains a U-Net on samples made on the fly, or on a library on disk.

    Ctrl-C ends it with a checkpoint, from which ``resume=True`` goes on.

    Parameters
    ----------
    folder
        For checkpoints, the curve of the loss and the weights.
    recipe
        What samples are made of, see :func:`adatom.stream`.
    library
        Folder of a library to train on instead: three quarters of it, the rest is the test.
    resume
        Go on from the folder's checkpoint, with its settings.
    init
        Start from the weights of this model instead of random ones.
    steps, batch
        Steps, and samples a step.
    widths
        Channels of each level.
    tasks
        Maps to learn; by default all five.
    loss
        The paper's modified chi-square, the mean squared error, or the latter for the two masks alone.
    rate, warmup
        Highest learning rate, and steps over which it rises.
    seed
        Of weights and samples.
    checkpoint
        Steps between checkpoints.
    workers
        Threads that make samples.
    device
        ``"auto"``, ``"cpu"`` or ``"gpu"``.
    progress
        Called with a dict after every step; an exception in it ends the training with a checkpoint.

    Returns
    -------
    Model
        The trained network.
    """
    training = {
        "folder": os.fspath(folder),
        "recipe": recipe_text(recipe),
        "library": None if library is None else os.fspath(library),
        "resume": resume,
        "init": None if init is None else os.fspath(init),
        "steps": count("steps", steps),
        "batch": count("batch", batch),
        "widths": [count("widths", width) for width in widths],
        "tasks": names("tasks", tasks),
        "loss": loss,
        "rate": number("rate", rate),
        "warmup": count("warmup", warmup),
        "seed": count("seed", seed),
        "checkpoint": count("checkpoint", checkpoint),
        "workers": count("workers", workers),
        "device": device,
    }
    _adatom.train(to_json(training), _listen(progress))
    return Model(folder, device=device)


@dataclass(frozen=True, eq=False)
class Adaptation:
    """What became of a fine-tuning.

    Attributes
    ----------
    conditions
        What its samples were made with: ``peak_electrons``, ``jitter_angstrom`` [Å], ``background_level``,
        ``source_fwhm_angstrom`` [Å].
    steps
        Training steps.
    before, after
        Held-back samples with the model as it was, and with the adapted one: ``f1``, ``rmse_angstrom`` [Å],
        ``psnr_out_db`` [dB].
    model
        The adapted model; ``None`` if it was worse, and not written.
    labels
        The columns labelled by hand, before and after.
    """

    conditions: dict[str, float]
    steps: int
    before: dict[str, float]
    after: dict[str, float]
    model: Model | None
    labels: list[dict[str, float]] | None = None


def adapt(
    folder: PathLike,
    crystal: Any,
    *,
    zone: str | tuple[int, int, int],
    energy_kv: float,
    semiangle_mrad: float,
    image: Any = None,
    labels: PathLike | None = None,
    pixel_size: PixelSizeLike = None,
    minutes: float = 5.0,
    samples: int = 60,
    model: PathLike | None = None,
    device: str = "auto",
    progress: Steps = None,
) -> Adaptation:
    """Fine-tunes the network on one crystal under your microscope's conditions.

    Parameters
    ----------
    folder
        For the new model.
    crystal, zone
        As for :func:`adatom.simulate`.
    energy_kv
        Beam energy [kV].
    semiangle_mrad
        Convergence semi-angle [mrad].
    image
        An image of the session, as for :func:`adatom.locate`: dose, jitter, background and probe width are taken from it.
    labels
        A folder with an image of the session and columns checked by hand, as the desktop app exports labels: a model that
        finds them worse is not written.
    pixel_size
        Of the images to come, as for :func:`adatom.locate`; by default that of ``image``.
    minutes
        Time to train [min].
    samples
        Held-back samples that the models are judged by.
    model
        The model to start from; by default the shipped network.
    device
        ``"auto"``, ``"cpu"`` or ``"gpu"``.
    progress
        Called with a dict after every step, as in :func:`adatom.train`.
    """
    seen = None if image is None else as_image(image, pixel_size)
    size = as_pixel_size(pixel_size) if seen is None else seen.pixel_size
    with material(crystal) as path:
        request = {
            "structure": path,
            "zone": zone_text(zone),
            "energy_kv": number("energy_kv", energy_kv),
            "semiangle_mrad": number("semiangle_mrad", semiangle_mrad),
            "minutes": number("minutes", minutes),
            "samples": count("samples", samples),
            "labels": None if labels is None else os.fspath(labels),
            "folder": os.fspath(folder),
            "model": None if model is None else os.fspath(model),
            "device": device,
        }
        data, name = (None, "") if seen is None else (seen.data, seen.name)
        told = json.loads(_adatom.adapt(to_json(request), data, name, size, _listen(progress)))
    adapted = told.pop("folder")
    return Adaptation(**told, model=None if adapted is None else Model(adapted, device=device))
