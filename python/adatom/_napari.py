"""The napari plugin: a reader of microscopes' files, a widget that locates columns, and a points layer of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QThread, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QWidget,
)

from . import _adatom, describe, locate, open, simulate
from ._image import Image, PixelSize, as_array, as_pixel_size
from ._result import LocatedColumns

if TYPE_CHECKING:
    import napari

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


def image_of_layer(layer: Any, step: tuple[int, ...] = ()) -> Image:
    """The image that a layer shows: of a stack the frame at ``step``."""
    data = layer.data
    if layer.rgb:
        raise ValueError(f"{layer.name}: colours; an image of one channel is needed")
    while data.ndim > 2:
        # The slider's steps belong to the last axes; a layer with fewer axes lacks the first.
        data = data[step[-data.ndim]] if len(step) >= data.ndim else data[0]
    known = layer.metadata.get("adatom", {}).get("pixel_size")
    size = PixelSize(*known) if known else calibration(layer)
    return Image(as_array(data, layer.name), size, name=layer.name)


def calibration(layer: Any) -> PixelSize | None:
    """The pixel size that a layer's scale and units tell."""
    y, x = (abs(float(side)) for side in layer.scale[-2:])
    units = [f"{unit:~}" if hasattr(unit, "dimensionality") else str(unit) for unit in layer.units[-2:]]
    try:
        return PixelSize(*(_adatom.parse_pixel_size(f"{side!r}{unit}")[0] for side, unit in ((x, units[1]), (y, units[0]))))
    except ValueError:
        return None


def points_of(result: LocatedColumns, layer: Any) -> dict[str, Any]:
    """Arguments of a points layer over ``layer``: a ring a column, with the table as its features."""
    radius = np.nanmedian(result.table["radius_px"])
    return {
        "data": result.positions[:, ::-1],
        "name": f"{layer.name} columns",
        "scale": layer.scale[-2:],
        "translate": layer.translate[-2:],
        "units": layer.units[-2:],
        "features": result.to_pandas(),
        "size": 2.0 * (radius if np.isfinite(radius) else 3.0),
        "face_color": "transparent",
        "border_color": np.where(result.whole, "red", "gold"),
        "border_width": 0.15,
    }


class _Work(QThread):
    """Locating on a thread of its own, so that the window stays alive."""

    part = Signal(float)
    found = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject, image: Image, options: dict[str, Any]) -> None:
        super().__init__(parent)
        self.image, self.options = image, options

    def run(self) -> None:
        try:
            self.found.emit(locate(self.image, progress=self._tell, **self.options))
        except InterruptedError:
            pass
        except Exception as error:
            self.failed.emit(str(error))

    def _tell(self, part: float) -> None:
        if self.isInterruptionRequested():
            raise InterruptedError
        self.part.emit(part)


class LocateWidget(QWidget):
    """Locates the columns of the selected image layer and shows them as points."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__()
        self.viewer = viewer
        self.result: LocatedColumns | None = None
        self._work: _Work | None = None
        self.method = QComboBox()
        self.method.addItems(["centroid", "otsu", "gaussian", "mle", "auto"])
        self.pixel = QLineEdit()
        self.pixel.setPlaceholderText("the layer's, or such as 9.4pm")
        self.scale = QLineEdit("auto")
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(0.0, 1.0)
        self.threshold.setSingleStep(0.05)
        self.threshold.setValue(0.3)
        self.button = QPushButton("Locate columns")
        self.button.clicked.connect(self.start)
        self.bar = QProgressBar()
        self.bar.setVisible(False)
        self.text = QLabel("Select an image layer.")
        self.text.setWordWrap(True)
        layout = QFormLayout(self)
        layout.addRow("Method", self.method)
        layout.addRow("Pixel size", self.pixel)
        layout.addRow("Scale", self.scale)
        layout.addRow("Least score", self.threshold)
        layout.addRow(self.button)
        layout.addRow(self.bar)
        layout.addRow(self.text)

    def start(self) -> None:
        """Locates the columns of the selected image."""
        from napari.layers import Image as ImageLayer

        chosen = [layer for layer in self.viewer.layers.selection if isinstance(layer, ImageLayer)]
        if len(chosen) != 1:
            self.text.setText("Select one image layer.")
            return
        layer = chosen[0]
        try:
            image = image_of_layer(layer, self.viewer.dims.current_step)
            scale: float | str = self.scale.text().strip()
            if scale != "auto":
                scale = float(scale)
            size = as_pixel_size(self.pixel.text().strip() or image.pixel_size)
        except (TypeError, ValueError) as error:
            self.text.setText(str(error))
            return
        options = {
            "method": self.method.currentText(),
            "scale": scale,
            "threshold": self.threshold.value(),
            "pixel_size": size,
        }
        self.button.setEnabled(False)
        self.bar.setVisible(True)
        self.bar.setRange(0, 0)
        self._work = _Work(self, image, options)
        self._work.part.connect(self._show_part)
        self._work.found.connect(lambda result: self._show(result, layer))
        self._work.failed.connect(self.text.setText)
        self._work.finished.connect(self._ended)
        self._work.start()

    def _show_part(self, part: float) -> None:
        self.bar.setRange(0, 100)
        self.bar.setValue(round(100 * part))

    def _show(self, result: LocatedColumns, layer: Any) -> None:
        self.result = result
        self.viewer.add_points(**points_of(result, layer))
        cut = int(np.count_nonzero(~result.whole))
        notes = "".join(f"\n{warning}" for warning in result.warnings)
        self.text.setText(f"{len(result)} columns, {cut} of them at the border; scale {result.scale['factor']:.3f}{notes}")

    def _ended(self) -> None:
        self.button.setEnabled(True)
        self.bar.setVisible(False)

    def closeEvent(self, event: Any) -> None:
        """Ends the work before the window goes."""
        if self._work is not None:
            self._work.requestInterruption()
            self._work.wait()
        super().closeEvent(event)
