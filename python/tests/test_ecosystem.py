"""HyperSpy, Atomap, ASE, pymatgen and Dask."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import adatom
import numpy as np
import pytest

from test_samples import RECIPE


@pytest.fixture(scope="module")
def frames():
    """Six frames of one crystal that moves a little."""
    return np.stack([adatom.simulate("SrTiO3", pixel_size=0.2, shape=(96, 96), dose=2e4, seed=s).image for s in range(6)])


@pytest.fixture(scope="module")
def serial(frames):
    """The table of a loop."""
    return adatom.concatenate([adatom.locate(frame, pixel_size=0.2).table for frame in frames])


def calibrated(data, lazy=False):
    hs = pytest.importorskip("hyperspy.api")
    signal = hs.signals.Signal2D(data)
    for axis in signal.axes_manager.signal_axes:
        axis.scale, axis.units = 0.02, "nm"
    signal.metadata.General.title = "series"
    return signal.as_lazy() if lazy else signal


def same(found, expected):
    """Whether two tables are equal; what isn't known is NaN in both."""
    assert found.dtype == expected.dtype and len(found) == len(expected) > 100
    return all(np.array_equal(found[n], expected[n], equal_nan=found[n].dtype.kind == "f") for n in found.dtype.names)


def test_a_hyperspy_signal_is_restored_with_its_axes(crystal_image):
    signal = calibrated(crystal_image.image)
    signal.axes_manager.signal_axes[0].offset = 3.0
    restored = adatom.restore(signal, "noNoise")
    assert type(restored) is type(signal)
    for ours, theirs in zip(restored.axes_manager.signal_axes, signal.axes_manager.signal_axes, strict=True):
        assert (ours.scale, ours.offset, ours.units) == (theirs.scale, theirs.offset, theirs.units)
    assert np.array_equal(restored.data, adatom.restore(crystal_image.image, "noNoise", pixel_size=0.2))


def test_a_lazy_signal_is_restored_into_memory(crystal_image):
    signal = calibrated(crystal_image.image)
    restored = adatom.restore(signal.as_lazy(), "noNoise")
    assert type(restored) is type(signal) and isinstance(restored.data, np.ndarray)
    assert np.array_equal(restored.data, adatom.restore(signal, "noNoise").data)
    assert restored.axes_manager.signal_axes[0].units == "nm" and not restored._lazy


def test_axes_that_are_not_uniform_are_refused(crystal_image):
    signal = calibrated(crystal_image.image)
    signal.axes_manager.signal_axes[1].convert_to_non_uniform_axis()
    for call in (adatom.locate, adatom.restore):
        with pytest.raises(ValueError, match="isn't uniform"):
            call(signal)


def test_columns_become_a_hyperspy_signal_with_markers(crystal_image):
    result = adatom.locate(calibrated(crystal_image.image))
    assert result.image.pixel_size == pytest.approx((0.2, 0.2)) and result.image.name == "series"
    signal = result.to_hyperspy()
    x, y = signal.axes_manager.signal_axes
    assert (x.units, x.scale) == ("nm", pytest.approx(0.02)) and "Markers" in signal.metadata
    marked = next(iter(signal.metadata.Markers.as_dictionary().values()))["kwargs"]["offsets"]
    assert np.allclose(marked, result.positions * 0.02)


def test_a_signal_with_columns_keeps_axes_and_metadata(crystal_image):
    given = calibrated(crystal_image.image)
    given.metadata.add_dictionary({"Acquisition_instrument": {"TEM": {"beam_energy": 200.0}}})
    x, y = given.axes_manager.signal_axes
    x.name, x.units, x.scale, x.offset, y.offset = "scan", "Å", 0.2, 7.0, -3.0
    result = pickle.loads(pickle.dumps(adatom.locate(given)))
    signal = result.to_hyperspy()
    for ours, theirs in zip(signal.axes_manager.signal_axes, given.axes_manager.signal_axes, strict=True):
        assert ours.get_axis_dictionary() == theirs.get_axis_dictionary()
    assert signal.metadata.Acquisition_instrument.TEM.beam_energy == 200.0 and signal.metadata.General.title == "series"
    marked = next(iter(signal.metadata.Markers.as_dictionary().values()))["kwargs"]["offsets"]
    assert np.allclose(marked, result.positions * [0.2, 0.02] + [7.0, -3.0])
    x, y = adatom.locate(given, pixel_size=0.4).to_hyperspy().axes_manager.signal_axes
    assert (x.scale, x.units, y.scale, y.units, y.offset) == (0.04, "nm", 0.04, "nm", -6.0)


def test_columns_become_atomap_lattices_and_come_back(crystal_image):
    pytest.importorskip("atomap")
    result = adatom.locate(crystal_image.image, pixel_size=crystal_image.pixel_size)
    lattice = result.to_atomap()
    assert len(lattice.sublattice_list) == 1 and np.allclose(lattice.sublattice_list[0].atom_positions, result.positions)
    assert lattice.pixel_size == pytest.approx(0.018)
    for given in (lattice, lattice.sublattice_list[0]):
        again = adatom.locate(given)
        assert np.allclose(again.table["x_angstrom"], result.table["x_angstrom"], rtol=1e-6)
    two = result.to_atomap(sites=True)
    brightness = [s.image[tuple(np.round(np.asarray(s.atom_positions)).astype(int).T[::-1])].mean() for s in two.sublattice_list]
    assert len(brightness) == 2 and brightness[0] > brightness[1]


def test_crystals_of_ase_and_pymatgen_are_those_of_a_cif():
    spacegroup = pytest.importorskip("ase.spacegroup")
    structures = pytest.importorskip("pymatgen.core")
    atoms = spacegroup.crystal(
        ["Sr", "Ti", "O"], [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)], spacegroup=221, cellpar=[3.905] * 3 + [90] * 3
    )
    structure = structures.Structure.from_spacegroup(
        "Pm-3m", structures.Lattice.cubic(3.905), ["Sr2+", "Ti4+", "O2-"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
    )
    options = {"zone": "001", "energy_kv": 200, "semiangle_mrad": 24, "pixel_size": 0.2, "dose": 1e4}
    of_ase, of_pymatgen = (adatom.bound(crystal, **options)["results"] for crystal in (atoms, structure))
    assert [row["kind"] for row in of_ase] == [row["kind"] for row in of_pymatgen] == ["Sr", "Ti/O", "O"]
    for ours, theirs in zip(of_ase, of_pymatgen, strict=True):
        assert ours["bound_pm"] == pytest.approx(theirs["bound_pm"], rel=1e-6)
    sample = adatom.simulate(structure, shape=(64, 64))
    assert sample.settings["material"] == "SrTiO3" and len(sample.columns) > 3
    flat = atoms.copy()
    flat.cell[2] = 0
    with pytest.raises(ValueError, match="three-dimensional"):
        adatom.simulate(flat)


HALF_FULL = """
data_solid
_cell_length_a 4
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
A Sr 0 0 0 0.6
B Ba 0 0 0 0.3
C Ti 0.5 0.5 0.5 0.8
"""


def test_parts_of_atoms_are_kept_from_ase_and_pymatgen(tmp_path):
    spacegroup = pytest.importorskip("ase.spacegroup")
    structures = pytest.importorskip("pymatgen.core")
    (tmp_path / "solid.cif").write_text(HALF_FULL)
    places = [(0, 0, 0), (0, 0, 0), (0.5, 0.5, 0.5)]
    atoms = spacegroup.crystal(
        ["Sr", "Ba", "Ti"], places, spacegroup=1, cellpar=[4] * 3 + [90] * 3, occupancies=[0.6, 0.3, 0.8], onduplicates="keep"
    )
    structure = structures.Structure(structures.Lattice.cubic(4), [{"Sr": 0.6, "Ba": 0.3}, {"Ti": 0.8}], [places[0], places[2]])
    options = {"zone": "001", "energy_kv": 200, "semiangle_mrad": 24, "pixel_size": 0.2, "dose": 1e4}
    expected, *found = (adatom.bound(crystal, **options)["results"] for crystal in (tmp_path / "solid.cif", atoms, structure))
    for rows in found:
        assert [row["kind"] for row in rows] == [row["kind"] for row in expected] and len(rows) == 2
        for ours, theirs in zip(rows, expected, strict=True):
            assert ours["bound_pm"] == pytest.approx(theirs["bound_pm"], rel=1e-6)
            assert ours["electrons"] == pytest.approx(theirs["electrons"], rel=1e-6)
    replaced = atoms.copy()
    replaced.symbols[0] = "Pb"
    with pytest.raises(ValueError, match="atom 0 .* is Pb"):
        adatom.bound(replaced, **options)
    del atoms.arrays["spacegroup_kinds"]
    with pytest.raises(ValueError, match="no spacegroup_kinds"):
        adatom.bound(atoms, **options)


def test_a_crystal_without_atoms_is_refused():
    ase = pytest.importorskip("ase")
    with pytest.raises(ValueError, match="the crystal, a Atoms, has no atoms"):
        adatom.simulate(ase.Atoms(cell=[4, 4, 4], pbc=True))


def test_a_stack_is_located_frame_by_frame(frames, serial):
    stack = adatom.locate(frames, pixel_size=0.2)
    assert stack.shape == (6,) and not stack.lazy and same(stack.to_numpy(), serial)
    pandas = stack.to_pandas()
    assert list(pandas["frame"].unique()) == list(range(6)) and len(stack.to_polars()) == len(serial)


def test_a_stack_tells_its_progress_and_opens_its_model_once(frames, tmp_path, monkeypatch):
    parts: list[float] = []
    adatom.locate(frames[:3], scale=1.0, progress=parts.append)
    assert parts == sorted(parts) and parts[-1] == 1.0 and parts[0] < 0.34

    opened: list[object] = []
    start = adatom.Model.__init__

    def count(self, *arguments, **options):
        opened.append(arguments)
        start(self, *arguments, **options)

    path = adatom.Model().to_safetensors(tmp_path / "weights.safetensors")
    (tmp_path / "weights.json").write_text(adatom.Model()._native.card())
    monkeypatch.setattr(adatom.Model, "__init__", count)
    adatom.locate(frames[:3], scale=1.0, model=path)
    assert len(opened) == 1


def test_a_pickled_model_has_its_weights_or_is_refused(tmp_path):
    (small, other) = (
        adatom.train(tmp_path / name, recipe=RECIPE, steps=1, batch=1, widths=(4, 6), seed=seed) for seed, name in enumerate("ab")
    )
    kept = pickle.dumps(small)
    assert pickle.loads(kept).digest == small.digest != other.digest
    for file in (tmp_path / "b").iterdir():
        (tmp_path / "a" / file.name).write_bytes(file.read_bytes())
    again = pickle.loads(pickle.dumps(adatom.Model(tmp_path / "a")))
    assert again.digest == other.digest
    check = "import pickle, sys; pickle.load(sys.stdin.buffer)"
    done = subprocess.run([sys.executable, "-c", check], input=kept, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1 and b"a has other weights than when it was pickled" in done.stderr


def test_a_dask_array_is_located_by_map_blocks_when_asked(frames, serial):
    da = pytest.importorskip("dask.array")
    # Frames cut into chunks are put together.
    stack = adatom.locate(da.from_array(frames, chunks=(2, 50, 96)), pixel_size="20pm")
    assert stack.lazy and stack.shape == (6,) and stack.tables.chunks == ((2, 2, 2),)
    assert same(stack.to_numpy(), serial)
    grid = adatom.locate(da.from_array(frames.reshape(2, 3, 96, 96), chunks=(1, 2, -1, -1)), pixel_size=0.2)
    assert grid.shape == (2, 3) and same(grid.compute().to_numpy(), serial)
    single = adatom.locate(da.from_array(frames[0]), pixel_size=0.2)
    assert single.shape == () and len(single.to_numpy()) == (serial["frame"] == 0).sum()


def test_a_frame_that_cannot_be_located_is_named(frames):
    da = pytest.importorskip("dask.array")
    dark = frames.copy()
    dark[4] = 0
    for stack in (dark, da.from_array(dark, chunks=(2, -1, -1))):
        with pytest.raises(ValueError, match="^frame 4: all pixels have the same value"):
            adatom.locate(stack).compute()


def test_a_lazy_signal_is_located_in_its_units(frames, serial):
    stack = adatom.locate(calibrated(frames, lazy=True))
    assert stack.lazy and same(stack.to_numpy(), serial)
    assert same(adatom.locate(calibrated(frames)).to_numpy(), serial)


def test_a_signals_own_map_takes_the_function(frames, serial):
    for lazy in (False, True):
        signal = calibrated(frames, lazy)
        mapped = signal.map(adatom.locate_table, pixel_size=0.2, ragged=True, output_dtype=object, inplace=False)
        if lazy:
            mapped.compute()
        assert same(adatom.concatenate(mapped.data.ravel()), serial)


def test_threads_of_a_process_do_not_multiply(frames):
    def count() -> int:
        return sum(name(task).startswith("adatom-") for task in os.listdir("/proc/self/task"))

    def name(task: str) -> str:
        try:
            return Path(f"/proc/self/task/{task}/comm").read_text()
        except OSError:
            # It has ended meanwhile.
            return ""

    before = adatom.threads()
    adatom.set_threads(2)
    seen: list[int] = []
    callers = [threading.Thread(target=adatom.locate, args=(frame,)) for frame in frames]
    for caller in callers:
        caller.start()
    while any(caller.is_alive() for caller in callers):
        seen.append(count())
        time.sleep(0.01)
    # Threads of the pool that was before may still be ending at first.
    assert len(seen) > 3 and max(seen[len(seen) // 2 :]) == 2
    adatom.set_threads(before)


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, protocol="tcp", host="127.0.0.1", dashboard_address=None
        ) as local,
        distributed.Client(local) as client,
    ):
        assert local.scheduler_address.startswith("tcp://127.0.0.1")
        yield client


def test_a_worker_that_is_killed_loses_nothing(cluster, frames, serial):
    many = np.concatenate([frames] * 8)
    lazy = calibrated(many, lazy=True)
    lazy.data = lazy.data.rechunk((1, -1, -1))
    future = cluster.compute(adatom.locate(lazy).tables)
    first = {info["pid"] for info in cluster.run(lambda dask_worker: {"pid": os.getpid()}).values()}
    deadline = time.monotonic() + 60
    done = lambda: sum(n for n in cluster.run_on_scheduler(_finished).values())  # noqa: E731
    while done() < 6:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert future.status == "pending", "the work was over before a worker was killed"
    os.kill(min(first), signal.SIGKILL)
    table = adatom.LocatedStack(future.result(timeout=120)).to_numpy()
    expected = adatom.concatenate([serial[serial["frame"] == n % 6][list(adatom.TABLE.names)].astype(adatom.TABLE) for n in range(48)])
    assert same(table, expected)
    assert min(first) not in {info["pid"] for info in cluster.run(lambda dask_worker: {"pid": os.getpid()}).values()}


def _finished(dask_scheduler):
    return {"in memory": sum(task.state == "memory" for task in dask_scheduler.tasks.values())}


def test_a_worker_uses_the_threads_that_it_was_given(frames):
    """A number that is neither the machine's nor Dask's: Dask sets OMP_NUM_THREADS to 1 for its workers."""
    distributed = pytest.importorskip("distributed")
    array = pytest.importorskip("dask.array").from_array(frames[:2], chunks=(1, -1, -1))
    stack = adatom.locate(array, scale=1.0)
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=True, host="127.0.0.1", dashboard_address=None) as local,
        distributed.Client(local) as client,
    ):
        assert set(client.run(adatom.threads).values()) != {2}, "without sharing it would be the same"
        client.compute(stack.tables).result(60)
        assert set(client.run(adatom.threads).values()) == {2}
        client.run(adatom.set_threads, 3)
        client.compute(adatom.locate(array, scale=0.9).tables).result(60)
        assert set(client.run(adatom.threads).values()) == {3}
