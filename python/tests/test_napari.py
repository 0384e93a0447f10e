"""The napari plugin, without a screen."""

import subprocess
import sys
import time

import adatom
import numpy as np
import pytest

pytest.importorskip("napari")


@pytest.fixture(scope="module")
def application():
    from qtpy.QtWidgets import QApplication

    return QApplication.instance() or QApplication([])


@pytest.fixture
def viewer(application):
    """A viewer without a window, which would need a graphics card or its imitation."""
    from napari.components import ViewerModel

    return ViewerModel()


def test_the_manifest_is_valid_and_what_it_names_is_there():
    import npe2

    manifest = npe2.PluginManifest.from_distribution("adatom")
    assert manifest.name == "adatom"
    manifest.validate_imports()


def test_files_are_read_with_their_calibration(example, tmp_path):
    from adatom._napari_reader import reader

    read = reader(str(example))
    assert read is not None
    [(data, options, kind)] = read(str(example))
    image = adatom.open(example)
    assert kind == "image" and np.array_equal(data, image.data)
    assert options["scale"] == pytest.approx([image.pixel_size.y / 10, image.pixel_size.x / 10])
    np.save(tmp_path / "stack.npy", np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30))
    [(stack, _, _)] = reader(str(tmp_path / "stack.npy"))(str(tmp_path / "stack.npy"))
    assert stack.shape == (3, 20, 30) and stack[2, 0, 0] == 1200
    (tmp_path / "text.tif").write_text("no image")
    assert reader(str(tmp_path / "text.tif")) is None


def test_files_are_read_without_a_qt_binding(example):
    check = f"""
import sys
sys.modules.update(dict.fromkeys(("qtpy", "PySide6", "PyQt6", "PyQt5"), None))
from adatom._napari_reader import reader
print(len(reader({str(example)!r})({str(example)!r})))
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_an_image_is_the_one_that_the_layer_shows(viewer, crystal_image):
    from adatom._napari import image_of_layer

    fine = crystal_image.image
    pyramid = viewer.add_image([fine, fine[::2, ::2]], multiscale=True, scale=[0.018] * 2, units=["nm"] * 2)
    image = image_of_layer(pyramid)
    assert np.array_equal(image.data, fine) and image.pixel_size == pytest.approx((0.18, 0.18))
    # Frames are 2.5 apart and begin at 10 in the world: its slider is at 15.
    stack = viewer.add_image(np.stack([fine * 0, fine * 0, fine]), scale=[2.5, 1, 1], translate=[10, 0, 0], name="stack")
    assert np.array_equal(image_of_layer(stack, (15.0, 0, 0)).data, fine)
    assert np.array_equal(image_of_layer(stack, (0.0, 15.0, 0, 0)).data, fine)
    assert not image_of_layer(stack, (12.4, 0, 0)).data.any() and not image_of_layer(stack).data.any()
    for place, frame in ((17.5, 3), (7.0, -1)):
        with pytest.raises(ValueError, match=f"stack: the slider is at its frame {frame}, and it has frames 0 to 2"):
            image_of_layer(stack, (place, 0, 0))


def test_a_layers_own_scale_goes_before_its_files(viewer, example):
    from adatom._napari import image_of_layer
    from adatom._napari_reader import reader

    [(data, options, _)] = reader(str(example))(str(example))
    layer = viewer.add_image(data, **options)
    size = adatom.open(example).pixel_size
    assert image_of_layer(layer).pixel_size == size
    layer.scale = 2 * layer.scale
    assert image_of_layer(layer).pixel_size == pytest.approx((2 * size.x, 2 * size.y))


PLACED = [
    ({"rotate": 30, "shear": [0.2], "translate": [3, 5]}, ()),
    ({"affine": [[0.8, 0.3, 7], [-0.2, 1.1, -4], [0, 0, 1]]}, ()),
    ({"rotate": [[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]], "shear": [0, 0, 0.2], "translate": [0, 3, 5]}, (0,)),
]


@pytest.mark.parametrize(("options", "frame"), PLACED)
def test_columns_are_where_the_layer_shows_them(viewer, crystal_image, options, frame):
    from adatom._napari import points_of

    result = adatom.locate(crystal_image.image, scale=1.0)
    data = crystal_image.image[(None,) * len(frame)]
    layer = viewer.add_image(data, scale=[1.0] * len(frame) + [0.02, 0.03], **options)
    points = viewer.add_points(**points_of(result, layer))
    for row, column in points.data[::20]:
        assert np.allclose(points.data_to_world((row, column)), layer.data_to_world((*frame, row, column))[-2:])


def finish(widget, seconds=60):
    from qtpy.QtCore import QCoreApplication, QElapsedTimer

    clock = QElapsedTimer()
    clock.start()
    while not widget.button.isEnabled():
        # Seldom: every call costs a reference to None under Python 3.11 (PySide).
        time.sleep(0.05)
        QCoreApplication.processEvents()
        assert clock.elapsed() < 1000 * seconds


def test_the_widget_shows_the_columns_of_the_selected_layer(viewer, crystal_image):
    from adatom._napari import LocateWidget

    image = np.stack([crystal_image.image * 0, crystal_image.image])
    layer = viewer.add_image(image, scale=[1, 0.018, 0.018], units=["pixel", "nm", "nm"], name="crystal")
    viewer.dims.set_current_step(0, 1)
    widget = LocateWidget(viewer)
    widget.start()
    finish(widget)
    assert widget.text.text().startswith(f"{len(widget.result)} columns"), widget.text.text()
    points = viewer.layers["crystal columns"]
    expected = adatom.locate(crystal_image.image, pixel_size=0.18)
    assert np.allclose(points.data, expected.positions[:, ::-1]) and np.allclose(points.scale[-2:], layer.scale[-2:])
    assert np.allclose(points.features["x_angstrom"], expected.table["x_angstrom"])


def test_the_widget_says_what_is_wrong(viewer, crystal_image):
    from adatom._napari import LocateWidget

    widget = LocateWidget(viewer)
    widget.start()
    assert widget.text.text() == "Select one image layer."
    viewer.add_image(crystal_image.image)
    widget.pixel.setText("9.4")
    widget.start()
    assert "no unit" in widget.text.text()
    widget.pixel.clear()
    viewer.layers.clear()
    viewer.add_image(np.zeros((64, 64)))
    widget.start()
    finish(widget)
    assert "same value" in widget.text.text()


def test_the_widget_says_when_the_slider_is_beyond_the_stack(viewer):
    from adatom._napari import LocateWidget

    viewer.add_image(np.zeros((9, 32, 32)), name="long")
    layer = viewer.add_image(np.zeros((3, 32, 32)), name="short")
    viewer.layers.selection = {layer}
    viewer.dims.set_current_step(0, 7)
    widget = LocateWidget(viewer)
    widget.start()
    assert "short: the slider is at its frame 7, and it has frames 0 to 2" in widget.text.text()


GONE = """
import gc, sys, time
import adatom, numpy
from napari.components import ViewerModel
from qtpy.QtCore import QCoreApplication, QEvent, QTimer
from qtpy.QtWidgets import QApplication
application = QApplication([])
from adatom import _napari
viewer = ViewerModel()
viewer.add_image(numpy.random.default_rng(1).random((2400, 2400), dtype=numpy.float32))
widget = _napari.LocateWidget(viewer)
widget.scale.setText("2")
widget.start()
time.sleep(0.5)
if sys.argv[1] == "destroyed":
    widget.deleteLater()
    del widget
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    while _napari._working:
        time.sleep(0.05)
        application.processEvents()
else:
    QTimer.singleShot(0, application.quit)
    application.exec()
    assert all(work.isFinished() for work in _napari._working)
assert not any(layer.name.endswith("columns") for layer in viewer.layers)
print("ended")
"""


@pytest.mark.parametrize("end", ["destroyed", "quit"])
def test_work_ends_with_its_widget_and_its_application(application, end):
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", GONE, end], capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr
    assert time.monotonic() - begun < 60


def test_the_example_can_be_located(viewer):
    from adatom._napari_reader import example

    [(data, options, _)] = example()
    assert len(adatom.locate(viewer.add_image(data, **options).data)) > 50
