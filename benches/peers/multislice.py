"""`adatom-multislice` against abTEM: same atoms, samples, slices, scan and detectors.

    multislice.py PEER [CASE...]      all or some cases (PEER: our example `peer`)
    multislice.py --abtem JOB TASKS OUT    abTEM's side of one job in this process, one or several tasks at once, as JSON and raw
                                      floats
    multislice.py --thin CSV PNG      plots what our example `thin_limit` prints

Differences are relative RMS, sqrt(mean (ours - theirs)^2 / mean theirs^2), of values on one absolute scale:
fractions of the incident beam. "Exact deltas" takes a factor out of abTEM's potentials, see there. Times are of whole runs, potentials included, after imports.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

THREADS = int(os.environ.get("THREADS", "2"))
HERE = os.path.dirname(os.path.abspath(__file__))
SRTIO3 = [(38, 0, 0, 0), (22, 0.5, 0.5, 0.5), (8, 0.5, 0.5, 0), (8, 0.5, 0, 0.5), (8, 0, 0.5, 0.5)]


def tile(cell, size, repeats):
    """Atoms of an orthogonal cell, a quarter of a slice away from its edges."""
    atoms = []
    for i in range(repeats[0]):
        for j in range(repeats[1]):
            for k in range(repeats[2]):
                for z, x, y, depth in cell:
                    atoms.append([z, (i + x) * size[0], (j + y) * size[1], (k + (depth + 0.125) % 1) * size[2]])
    return atoms, [n * s for n, s in zip(repeats, size)]


def srtio3(repeats):
    return tile(SRTIO3, [3.905] * 3, repeats)


def silicon(repeats):
    """[110]: x along [-110], y along [001]."""
    a = 5.431
    cell = [(14, 0, 0, 0), (14, 0.5, 0.5, 0.5), (14, 0.5, 0.25, 0), (14, 0, 0.75, 0.5)]
    return tile(cell, [a / 2**0.5, a, a / 2**0.5], repeats)


def mos2(repeats):
    a = 3.161
    cell = [(42, 0, 0, 0.5), (42, 0.5, 0.5, 0.5)]
    for depth in (0.5 - 1.56 / 8, 0.5 + 1.56 / 8):
        cell += [(16, 0, 1 / 3, depth - 0.125), (16, 0.5, 5 / 6, depth - 0.125)]
    return tile(cell, [a, a * 3**0.5, 8.0], repeats)


def gold_wedge(repeats):
    """Columns along [001], each row of cells one cell thicker than the row before."""
    cell = [(79, 0, 0, 0), (79, 0.5, 0.5, 0), (79, 0.5, 0, 0.5), (79, 0, 0.5, 0.5)]
    atoms, size = tile(cell, [4.078] * 3, repeats)
    return [a for a in atoms if a[3] < 4.078 * (1 + int(a[1] / 4.078 + 1e-9))], size


def job(structure, repeats, samples, slices, **more):
    atoms, size = structure(repeats)
    base = dict(atoms=atoms, size=size, samples=samples, slice=size[2] / slices, energy=200, semiangle=20,
                parametrisation="lobato", projection="infinite")
    return {**base, **more}


def scan(extent, positions, origin=(0, 0)):
    return dict(origin_angstrom=list(origin), extent_angstrom=list(extent), positions=list(positions))


def ring(inner, outer):
    return dict(kind="annular", inner_mrad=inner, outer_mrad=outer)


DETECTORS = {"HAADF": ring(70, 150), "LAADF": ring(25, 60), "BF": ring(0, 10), "ABF": ring(10, 20)}
STO = 3.905


def cases():
    rings = list(DETECTORS.values())
    waves = {}
    for name, cells in (("thin", 1), ("20 nm", 51)):
        for parametrisation in ("lobato", "kirkland"):
            waves[f"wave {name} {parametrisation}"] = job(
                srtio3, (4, 4, cells), [320, 320], 2 * cells, wave=[7.3, 8.2], parametrisation=parametrisation,
                aberrations=dict(defocus_angstrom=80, c3_mm=0.0257),
            )
    waves["wave 20 nm off samples"] = job(srtio3, (4, 4, 51), [300, 324], 102, wave=[7.3, 8.2])
    waves["wave 20 nm tilted"] = job(srtio3, (4, 4, 51), [320, 320], 102, wave=[7.3, 8.2], tilt=[8, -5])
    # abTEM puts atoms onto samples by linear interpolation and a factor that makes up for some of it: the finer the samples,
    # the less there is to make up for.
    waves["wave 20 nm off fine samples"] = job(srtio3, (4, 4, 51), [900, 900], 102, wave=[7.3, 8.2])
    for side in (320, 640):
        label = f"wave thin finite, {side} samples"
        waves[label] = job(srtio3, (4, 4, 2), [side, side], 8, wave=[7.3, 8.2], projection="finite")
    images = {
        "SrTiO3 [001] 10 nm": job(srtio3, (4, 4, 26), [320, 320], 52, detectors=rings, scan=scan([STO, STO], [13, 13])),
        **{
            f"Si [110] 20 nm, {nx} samples": job(silicon, (4, 3, 52), [nx, ny], 104, detectors=rings,
                                                 scan=scan([5.431 / 2**0.5, 5.431], [13, 18]))
            for nx, ny in ((320, 324), (640, 648))
        },
        "MoS2": job(mos2, (6, 3, 1), [324, 288], 4, detectors=rings, scan=scan([3.161, 3.161 * 3**0.5], [16, 28]),
                    energy=80, semiangle=25, aberrations=dict(defocus_angstrom=-4)),
        "Au wedge": job(gold_wedge, (6, 4, 6), [480, 320], 12, detectors=rings, scan=scan([24.468, 4.078], [78, 13])),
    }
    series = {}
    for name, at in (("Sr", (0, 0)), ("Ti/O", (STO / 2, STO / 2))):
        for side, exact in ((640, False), (320, True)):
            label = f"series {name}, {side} samples" + (", exact deltas" if exact else "")
            series[label] = job(srtio3, (4, 4, 52), [side, side], 104, detectors=rings, scan=scan([1, 1], [1, 1], at),
                                thicknesses=[STO / 2 * n for n in range(1, 105)], exact_deltas=exact)
    images["SrTiO3 [001] 10 nm, exact deltas"] = {**images["SrTiO3 [001] 10 nm"], "exact_deltas": True}
    prism = {
        f"PRISM {f}": job(srtio3, (n, n, 26), [80 * n] * 2, 52, detectors=rings, prism=f,
                          scan=scan([4 * STO] * 2, [52, 52]))
        for f, n in ((1, 4), (2, 8), (4, 8))
    }
    return {**waves, **images, **series, **prism}


def abtem_side(job, tasks, out):
    import abtem
    import dask
    from ase import Atoms

    abtem.config.set({"device": "cpu", "fft": "fftw", "diagnostics.progress_bar": False, "num_threads": THREADS,
                      "fftw.threads": THREADS})
    dask.config.set(scheduler="synchronous" if tasks == "one" else "threads", num_workers=THREADS)
    atoms = Atoms([int(a[0]) for a in job["atoms"]], positions=[a[1:] for a in job["atoms"]], cell=job["size"],
                  pbc=True)
    lens = job.get("aberrations", {})
    optics = dict(energy=job["energy"] * 1e3, semiangle_cutoff=job["semiangle"],
                  defocus=lens.get("defocus_angstrom", 0), Cs=lens.get("c3_mm", 0) * 1e7)
    if "tilt" in job:
        optics["tilt"] = tuple(job["tilt"])
    kinds = dict(gpts=tuple(job["samples"]), slice_thickness=job["slice"], parametrization=job["parametrisation"],
                 projection=job["projection"])
    if "thicknesses" in job:
        kinds["exit_planes"] = 1

    if job.get("exact_deltas"):
        # abTEM divides the scattering factors by sin(k)/k, k in cycles a sample, although its atoms that lie on samples
        # are points already: 2 % too strong at the band limit whatever the sampling.
        abtem.integrals.sinc = lambda gpts, sampling, device: np.full(gpts, sampling[0] * sampling[1], "f4")

    def run():
        potential = abtem.Potential(atoms, **kinds)
        if "wave" in job:
            probe = abtem.Probe(**optics)
            probe.grid.match(potential)
            exit_wave = probe.multislice(potential, scan=abtem.CustomScan([job["wave"]]), lazy=False).array
            wave = np.squeeze(exit_wave)
            # Theirs: [x, y], and the squares of the Fourier transform add up to one.
            pattern = np.fft.fftshift(np.fft.fft2(wave))
            return np.concatenate([(wave * wave.size).T.ravel(), pattern.T.ravel()]).astype("c8").view("f4")
        s = job["scan"]
        end = [o + e for o, e in zip(s["origin_angstrom"], s["extent_angstrom"])]
        if s["positions"] == [1, 1]:
            points = abtem.CustomScan([s["origin_angstrom"]])
        else:
            points = abtem.GridScan(s["origin_angstrom"], end, gpts=s["positions"], endpoint=False)
        detectors = [abtem.AnnularDetector(d["inner_mrad"], d["outer_mrad"]) for d in job["detectors"]]
        if job.get("prism"):
            matrix = abtem.SMatrix(potential=potential, energy=optics["energy"], interpolation=job["prism"],
                                   semiangle_cutoff=optics["semiangle_cutoff"])
            ctf = abtem.CTF(**{k: v for k, v in optics.items()})
            found = matrix.scan(scan=points, detectors=detectors, ctf=ctf)
        else:
            probe = abtem.Probe(**optics)
            probe.grid.match(potential)
            found = probe.scan(potential, scan=points, detectors=detectors)
        found = found if isinstance(found, (list, tuple)) or hasattr(found, "__getitem__") else [found]
        found = dask.compute(*[m.array for m in found])
        arrays = found
        if "thicknesses" in job:
            # The first exit plane is the entrance surface.
            return np.stack([np.asarray(a).reshape(-1)[1:] for a in arrays], 1).astype("f4")
        return np.stack([a.T for a in arrays]).astype("f4")

    start = time.perf_counter()
    values = run()
    seconds = time.perf_counter() - start
    np.ascontiguousarray(values).tofile(out)
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1e3
    print(json.dumps({"seconds": seconds, "peak_mb": peak}))


def relative(ours, theirs):
    return float(np.sqrt(np.mean(np.abs(ours - theirs) ** 2) / np.mean(np.abs(theirs) ** 2)))


def side(command, work, name):
    out = os.path.join(work, name)
    environment = dict(os.environ, RAYON_NUM_THREADS=str(THREADS), OMP_NUM_THREADS=str(THREADS),
                       NUMBA_NUM_THREADS=str(THREADS))
    text = subprocess.run([*command, out], check=True, capture_output=True, text=True, env=environment).stdout
    return np.fromfile(out, "f4"), json.loads(text.splitlines()[-1])


def abtem_twice(job, work):
    """abTEM's values from one thread of tasks, its cost from the faster of one and several, and by how much their values differ:
    with several, detectors of some positions come out wrong, by up to a third of the image. FFTs have all threads in either."""
    runs = [side([sys.executable, __file__, "--abtem", job, tasks], work, f"theirs-{tasks}") for tasks in ("one", "several")]
    (values, _), (others, _) = runs
    fastest = min((cost for _, cost in runs), key=lambda cost: cost["seconds"])
    return values, fastest, relative(others, values)


def compare(peer, wanted):
    tables()
    print("\n| case | what | difference | largest value, ours / theirs | time [s], ours / theirs | faster | memory [MB] | abTEM with several tasks |")
    print("|---|---|---|---|---|---|---|---|")
    chosen = {name: job for name, job in cases().items() if not wanted or any(name.startswith(w) for w in wanted)}
    for name, job in chosen.items():
        with tempfile.TemporaryDirectory() as work:
            path = os.path.join(work, "job.json")
            with open(path, "w") as file:
                json.dump(job, file)
            ours, our_cost = side([peer, path], work, "ours")
            theirs, their_cost, unlike = abtem_twice(path, work)
        if "wave" in job:
            nx, ny = job["samples"]
            ours, theirs = (v.view("c8").reshape(2, ny, nx) for v in (ours, theirs))
            diffraction = np.abs(ours[1]) ** 2, np.abs(theirs[1]) ** 2
            parts = {"exit wave": (ours[0], theirs[0]), "diffraction": diffraction}
        else:
            ours, theirs = ((v.reshape(-1, 4) if "thicknesses" in job else v.reshape(4, -1).T) for v in (ours, theirs))
            parts = {label: (ours[:, i], theirs[:, i]) for i, label in enumerate(DETECTORS)}
        for label, (a, b) in parts.items():
            first = label == next(iter(parts))
            difference = f"{relative(a, b):.3%}"
            if "thicknesses" in job:
                difference += f", at worst {np.max(np.abs(a / b - 1)):.2%}"
            times = f"{our_cost['seconds']:.2f} / {their_cost['seconds']:.2f}" if first else ""
            ratio = f"{their_cost['seconds'] / our_cost['seconds']:.1f}×" if first else ""
            memory = f"{our_cost['peak_mb']:.0f} / {their_cost['peak_mb']:.0f}" if first else ""
            peaks = f"{np.abs(a).max():.5f} / {np.abs(b).max():.5f}"
            unlike = f"{unlike:.3%}" if first else ""
            print(f"| {name} | {label} | {difference} | {peaks} | {times} | {ratio} | {memory} | {unlike} |", flush=True)


def tables():
    """Every coefficient of the scattering factors against abTEM's."""
    from abtem.parametrizations import KirklandParametrization, LobatoParametrization

    folder = os.path.join(HERE, "../../crates/optics/src/scattering")
    for name, theirs in (("lobato", LobatoParametrization()), ("kirkland", KirklandParametrization())):
        count, worst = 0, 0.0
        with open(os.path.join(folder, f"{name}_table.rs")) as file:
            rows = re.findall(r"^\s*\[([-\d.e, ]+)\], // (\w+)", file.read(), re.M)
        for row, symbol in rows:
            row = np.array([float(v) for v in row.split(",")])
            p = np.array(theirs.parameters[symbol])
            pairs = [p] if name == "lobato" else [p[:2], p[2:]]
            row_of_theirs = np.concatenate([pair.T.ravel() for pair in pairs])
            worst = max(worst, np.max(np.abs(row - row_of_theirs) / np.abs(row_of_theirs)))
            count += row.size
        print(f"{name}: {count} coefficients of {len(rows)} elements, largest relative difference {worst:.1e}")


def thin(table, picture):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with open(table) as file:
        names = file.readline().strip().split(",")[1:]
    thickness, *ratios = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    figure, axes = pyplot.subplots(figsize=(6.4, 3.6), layout="constrained")
    axes.axhline(1, color="0.6", linewidth=0.8)
    for name, ratio, mark in zip(names, ratios, "os^"):
        axes.plot(thickness / 10, ratio, mark + "-", label=name, markersize=3, linewidth=1)
    axes.set(xlabel="thickness [nm]", ylabel="multislice / linear model", xlim=(0, None), ylim=(0, None))
    axes.legend(frameon=False, title="probe on")
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    if sys.argv[1] == "--thin":
        thin(*sys.argv[2:])
    elif sys.argv[1] == "--abtem":
        with open(sys.argv[2]) as file:
            abtem_side(json.load(file), *sys.argv[3:])
    else:
        compare(sys.argv[1], sys.argv[2:])
