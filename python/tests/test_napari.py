"""The napari plugin, without a screen."""

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
    from adatom._napari import reader

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


def finish(widget, seconds=60):
    from qtpy.QtCore import QCoreApplication, QElapsedTimer

    clock = QElapsedTimer()
    clock.start()
    while not widget.button.isEnabled():
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


def test_the_example_can_be_located(viewer):
    from adatom._napari import example

    [(data, options, _)] = example()
    assert len(adatom.locate(viewer.add_image(data, **options).data)) > 50
