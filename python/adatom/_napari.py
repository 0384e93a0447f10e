"""The napari plugin's widget that locates columns, and the points layer of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QCoreApplication, QThread, Signal
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

from . import _adatom, locate
from ._image import Image, PixelSize, as_array, as_pixel_size
from ._result import LocatedColumns

if TYPE_CHECKING:
    import napari

def image_of_layer(layer: Any, point: Sequence[float] = ()) -> Image:
    """The image that a layer shows: of a stack the frame at ``point`` of the world, of a pyramid the finest level."""
    data = layer.data[0] if layer.multiscale else layer.data
    if layer.rgb:
        raise ValueError(f"{layer.name}: colours; an image of one channel is needed")
    frames = data.ndim - 2
    if frames > 0:
        data = data[_frame(layer, data.shape[:frames], point)]
    return Image(as_array(data, layer.name), layer_pixel_size(layer), name=layer.name)


def _frame(layer: Any, shape: tuple[int, ...], point: Sequence[float]) -> tuple[int, ...]:
    """Where a stack of ``shape`` frames is shown at ``point``, by the layer's own coordinates; the first without one."""
    if len(point) < layer.ndim:
        return (0,) * len(shape)
    index = tuple(int(np.round(place)) for place in layer.world_to_data(point)[: len(shape)])
    for place, length in zip(index, shape, strict=True):
        if not 0 <= place < length:
            raise ValueError(f"{layer.name}: the slider is at its frame {place}, and it has frames 0 to {length - 1}; move the slider")
    return index


def layer_pixel_size(layer: Any) -> PixelSize | None:
    """The pixel size of a layer's image: that of its file, as long as the layer's scale is still that."""
    shown = calibration(layer)
    known = layer.metadata.get("adatom", {}).get("pixel_size")
    if shown is not None and known is not None and np.allclose(shown, known, rtol=1e-6):
        # Without the rounding of the way through the layer.
        return PixelSize(*known)
    return shown


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
        "units": layer.units[-2:],
        **_placed(layer),
        "features": result.to_pandas(),
        "size": 2.0 * (radius if np.isfinite(radius) else 3.0),
        "face_color": "transparent",
        "border_color": np.where(result.whole, "red", "gold"),
        "border_width": 0.15,
    }


def _placed(layer: Any) -> dict[str, Any]:
    """Where the image axes of a layer are in the world."""
    shear = np.asarray(layer.shear)
    return {
        "scale": layer.scale[-2:],
        "translate": layer.translate[-2:],
        "rotate": np.asarray(layer.rotate)[-2:, -2:],
        # The upper triangle, row by row, or a whole matrix.
        "shear": shear[-1:] if shear.ndim == 1 else shear[-2:, -2:],
        "affine": np.asarray(layer.affine)[-3:, -3:],
    }


#: Work that hasn't ended, which must outlive the widget that began it.
_working: "set[_Work]" = set()


class _Work(QThread):
    """Locating on a thread of its own, so that the window stays alive. It ends early when the application quits."""

    part = Signal(float)
    found = Signal(object)
    failed = Signal(str)

    def __init__(self, image: Image, options: dict[str, Any]) -> None:
        super().__init__()
        self.image, self.options = image, options
        _working.add(self)
        self.finished.connect(self._forget)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.end)

    def end(self) -> None:
        """Ends the work, and waits until it has."""
        self.requestInterruption()
        self.wait()

    def _forget(self) -> None:
        _working.discard(self)

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
        self._layer: Any = None
        self.method = QComboBox()
        self.method.addItems(["centroid", "otsu", "gaussian", "mle", "auto"])
        self.pixel = QLineEdit()
        self.pixel.setPlaceholderText("the layer's, or such as 9.4pm")
        self.scale = QLineEdit("auto")
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(0.0, 1.0)
        self.threshold.setSingleStep(0.05)
        self.threshold.setValue(0.5)
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
            image = image_of_layer(layer, self.viewer.dims.point)
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
        self._layer = layer
        self._work = work = _Work(image, options)
        work.part.connect(self._show_part)
        work.found.connect(self._show)
        work.failed.connect(self.text.setText)
        work.finished.connect(self._ended)
        self.destroyed.connect(work.requestInterruption)
        work.start()

    def _show_part(self, part: float) -> None:
        self.bar.setRange(0, 100)
        self.bar.setValue(round(100 * part))

    def _show(self, result: LocatedColumns) -> None:
        self.result = result
        self.viewer.add_points(**points_of(result, self._layer))
        cut = int(np.count_nonzero(~result.whole))
        notes = "".join(f"\n{warning}" for warning in result.warnings)
        self.text.setText(f"{len(result)} columns, {cut} of them at the border; scale {result.scale['factor']:.3f}{notes}")

    def _ended(self) -> None:
        self.button.setEnabled(True)
        self.bar.setVisible(False)

    def closeEvent(self, event: Any) -> None:
        """Ends the work before the window goes."""
        if self._work is not None:
            self._work.end()
        super().closeEvent(event)
