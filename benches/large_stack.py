"""Opens a stack of 2 GB of every format that has stacks, and reads the frame in its middle.

    benches/large_stack.sh                  # all formats, 1024 frames, three rounds
    benches/large_stack.sh mrc ser          # some
    benches/large_stack.sh --frames 64      # small ones, to try the script

Every stack has 1024 frames of 1024 x 1024 px of 16 bit, counts of Poisson noise: nothing is sparse.
It is made in the temporary folder and removed again before the next. Before each reading the file
is written to the disk and dropped from the system's cache, then read once more while it is cached.
The programs take turns, each in a process of its own; a figure is the middle one of all rounds.
RosettaSciIO reads lazily, and its times don't have the import of Python's modules; its memory has.
"""

import argparse
import json
import os
import re
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SIDE = 1024


def frames(count):
    """So many frames that all differ, made fast."""
    random = np.random.default_rng(1)
    pool = [random.poisson(40 + 5 * i, (SIDE, SIDE)).astype("<u2") for i in range(8)]
    for i in range(count):
        frame = pool[i % len(pool)]
        frame[0, 0] = i
        yield frame


def write_mrc(path, count):
    header = np.zeros(256, "<i4")
    header[:10] = [SIDE, SIDE, count, 6, 0, 0, 0, SIDE, SIDE, count]
    header[10:13] = np.array([SIDE, SIDE, count], "<f4").view("<i4")
    header[16:19] = [1, 2, 3]
    header[52] = int.from_bytes(b"MAP ", "little")
    header[53] = 0x4444
    with path.open("wb") as file:
        file.write(header.tobytes())
        for frame in frames(count):
            file.write(frame.tobytes())


def write_ser(path, count):
    dimension = struct.pack("<IddI", count, 0.0, 1.0, 0) + struct.pack("<I", 6) + b"Number" + struct.pack("<I", 0)
    head = b"II\x97\x01" + struct.pack("<HIIII", 0x220, 0x4122, 0x4152, count, count)
    table = len(head) + 8 + 4 + len(dimension)
    calibration = struct.pack("<ddi", 0.0, 2e-11, 0)
    element = calibration * 2 + struct.pack("<HII", 2, SIDE, SIDE)
    tag = struct.pack("<HHI", 0x4152, 0, 1_456_073_586)
    size = len(element) + 2 * SIDE * SIDE
    starts = np.arange(count, dtype="<u8") * (size + len(tag)) + table + 16 * count
    with path.open("wb") as file:
        file.write(head + struct.pack("<QI", table, 1) + dimension)
        file.write(starts.tobytes() + (starts + size).astype("<u8").tobytes())
        for frame in frames(count):
            file.write(element + frame.tobytes() + tag)


def write_dm4(path, count):
    """The tags that a reader needs; pixels between them."""

    def data(described, content):
        numbers = b"".join(struct.pack(">Q", number) for number in [len(described), *described])
        return b"%%%%" + numbers + content

    def text(value):
        units = value.encode("utf-16-le")
        return data([20, 4, len(units) // 2], units)

    def number(code, form, value):
        return data([code], struct.pack(form, value))

    def tag(kind, name, body, length=None):
        length = len(body) if length is None else length
        return bytes([kind]) + struct.pack(">H", len(name)) + name.encode() + struct.pack(">Q", length) + body

    def group(tags):
        return b"\0\0" + struct.pack(">Q", len(tags)) + b"".join(tags)

    # Their lengths aren't looked at, so what goes around the pixels can be written as it comes.
    dimension = [("x", SIDE, 0.02, "nm"), ("y", SIDE, 0.02, "nm"), ("z", count, 1.0, "")]
    calibrations = [
        tag(20, "", group([
            tag(21, "Origin", number(6, "<f", 0.0)),
            tag(21, "Scale", number(6, "<f", scale)),
            tag(21, "Units", text(unit)),
        ]))
        for _, _, scale, unit in dimension
    ]
    sizes = [tag(21, "", number(5, "<I", size)) for _, size, _, _ in dimension]
    pixels = 2 * SIDE * SIDE * count
    before = tag(20, "Calibrations", group([tag(20, "Dimension", group(calibrations))]))
    array = data([20, 4, SIDE * SIDE * count], b"")
    start = tag(21, "Data", array, len(array) + pixels)
    after = tag(21, "DataType", number(5, "<I", 10)) + tag(20, "Dimensions", group(sizes))
    after += tag(21, "PixelDepth", number(5, "<I", 2))
    inside = b"\0\0" + struct.pack(">Q", 5) + before + start
    image = tag(20, "ImageData", inside, len(inside) + pixels + len(after))
    rest = tag(20, "ImageTags", group([])) + tag(21, "Name", text("stack"))
    entry = b"\0\0" + struct.pack(">Q", 3) + image
    listed = tag(20, "", entry, len(entry) + pixels + len(after) + len(rest))
    list_head = b"\0\0" + struct.pack(">Q", 1) + listed
    root = b"\0\0" + struct.pack(">Q", 1)
    root += tag(20, "ImageList", list_head, len(list_head) + pixels + len(after) + len(rest))
    total = len(root) + pixels + len(after) + len(rest)
    with path.open("wb") as file:
        file.write(struct.pack(">IQI", 4, total + 4, 1) + root)
        for frame in frames(count):
            file.write(frame.tobytes())
        file.write(after + rest + bytes(8))


def write_npy(path, count):
    with path.open("wb") as file:
        header = {"descr": "<u2", "fortran_order": False, "shape": (count, SIDE, SIDE)}
        np.lib.format.write_array_header_1_0(file, header)
        for frame in frames(count):
            file.write(frame.tobytes())


def write_tiff(path, count):
    import tifffile

    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(frames(count), shape=(count, SIDE, SIDE), dtype="uint16", photometric="minisblack")


def write_imagej(path, count):
    import tifffile

    # One directory for all frames, as ImageJ writes more than 4 GB.
    tifffile.imwrite(path, frames(count), shape=(count, SIDE, SIDE), dtype="uint16", imagej=True)


def write_hspy(path, count, **storage):
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["file_format"] = "HyperSpy"
        file.attrs["file_format_version"] = "3.1"
        signal = file.create_group("Experiments/stack")
        signal.create_group("metadata/General").attrs["title"] = "stack"
        signal.create_group("metadata/Signal").attrs["signal_type"] = ""
        signal.create_group("original_metadata")
        signal.create_group("learning_results")
        sides = [("z", count, 1.0, ""), ("y", SIDE, 0.02, "nm"), ("x", SIDE, 0.02, "nm")]
        for number, (name, size, scale, unit) in enumerate(sides):
            axis = signal.create_group(f"axis-{number}")
            facts = {"_type": "UniformDataAxis", "name": name, "size": size, "scale": scale, "offset": 0.0}
            axis.attrs.update(facts | {"units": unit, "navigate": number == 0, "is_binned": False})
        data = signal.create_dataset("data", (count, SIDE, SIDE), "<u2", **storage)
        for number, frame in enumerate(frames(count)):
            data[number] = frame


def write_velox(path, count):
    import h5py

    settings = {
        "BinaryResult": {
            "Detector": "HAADF", "DetectorIndex": "0", "PixelUnitX": "m", "PixelUnitY": "m",
            "PixelSize": {"width": "2e-11", "height": "2e-11"}, "Offset": {"x": "0", "y": "0"},
        },
        "Detectors": {"Detector-0": {"DetectorName": "HAADF"}}, "Scan": {"FrameTime": "0.5"},
        "Optics": {"AccelerationVoltage": "300000"}, "Core": {"MetadataDefinitionVersion": "7.9"},
        "Acquisition": {"AcquisitionStartDatetime": {"DateTime": "1664324827"}}, "Instrument": {},
        "Stage": {"AlphaTilt": "0", "BetaTilt": "0", "Position": {"x": "0", "y": "0", "z": "0"}},
    }
    text = json.dumps(settings).encode().ljust(4000, b"\0")
    with h5py.File(path, "w") as file:
        file["Version"] = np.array(['{"format": "Velox", "version": "1.12"}'], dtype=h5py.string_dtype())
        image = file.create_group("Data/Image/0123456789abcdef0123456789abcdef")
        image["Metadata"] = np.repeat(np.frombuffer(text, "u1")[:, None], count, axis=1)
        data = image.create_dataset("Data", (SIDE, SIDE, count), "<u2", chunks=(SIDE, SIDE, 1))
        for number, frame in enumerate(frames(count)):
            data.id.write_direct_chunk((0, 0, number), frame.tobytes())


def write_zspy(path, count):
    import zarr

    root = zarr.open_group(path, mode="w", zarr_format=2)
    root.attrs.update({"file_format": "ZSpy", "file_format_version": "3.1"})
    signal = root.create_group("Experiments/stack")
    for name in ["metadata/General", "metadata/Signal", "original_metadata", "learning_results"]:
        signal.create_group(name)
    signal["metadata/General"].attrs["title"] = "stack"
    signal["metadata/Signal"].attrs["signal_type"] = ""
    sides = [("z", count, 1.0, ""), ("y", SIDE, 0.02, "nm"), ("x", SIDE, 0.02, "nm")]
    for number, (name, size, scale, unit) in enumerate(sides):
        facts = {"_type": "UniformDataAxis", "name": name, "size": size, "scale": scale, "offset": 0.0}
        facts |= {"units": unit, "navigate": number == 0, "is_binned": False}
        signal.create_group(f"axis-{number}").attrs.update(facts)
    data = signal.create_array("data", shape=(count, SIDE, SIDE), dtype="<u2", chunks=(1, SIDE, SIDE))
    for number, frame in enumerate(frames(count)):
        data[number] = frame


# What a stack is called, its file, how it is made, and RosettaSciIO's module for it.
STACKS = {
    "mrc": ("MRC", "stack.mrc", write_mrc, "mrc"),
    "ser": ("TIA SER", "stack_1.ser", write_ser, "tia"),
    "dm4": ("Gatan DM4", "stack.dm4", write_dm4, "digitalmicrograph"),
    "tiff": ("TIFF, a page a frame", "stack.tif", write_tiff, "tiff"),
    "imagej": ("TIFF of ImageJ", "imagej.tif", write_imagej, "tiff"),
    "npy": ("NPY", "stack.npy", write_npy, None),
    "velox": ("Velox EMD", "stack.emd", write_velox, "emd"),
    "hspy": ("hspy, a chunk a frame", "stack.hspy", lambda *to: write_hspy(*to, chunks=(1, SIDE, SIDE)), "hspy"),
    "packed": (
        "hspy, the same with gzip", "packed.hspy",
        lambda *to: write_hspy(*to, chunks=(1, SIDE, SIDE), compression="gzip", compression_opts=1), "hspy",
    ),
    "contiguous": ("hspy, contiguous", "contiguous.hspy", write_hspy, "hspy"),
    "zspy": ("zspy, a folder, zstd", "stack.zspy", write_zspy, "zspy"),
}

PEER = """
import json, sys, time
from importlib import import_module
import dask.array, numpy
if sys.argv[2] == "numpy":
    start = time.perf_counter()
    data = numpy.load(sys.argv[1], mmap_mode="r")
else:
    read = import_module("rsciio." + sys.argv[2]).file_reader
    start = time.perf_counter()
    data = read(sys.argv[1], lazy=True)[0]["data"]
opened = time.perf_counter()
frame = data[data.shape[0] // 2]
frame = frame.compute() if hasattr(frame, "compute") else numpy.array(frame)
read = time.perf_counter()
status = open("/proc/self/status").read()
peak = int(status.split("VmHWM:")[1].split()[0])
total = float(frame.sum(dtype="float64"))
print(json.dumps({"open_s": opened - start, "frame_s": read - opened, "sum": total, "peak_kb": peak}))
"""


def drop(path):
    """Writes a file or a folder to the disk and drops it from the system's cache."""
    parts = [part for part in path.rglob("*") if part.is_file()] if path.is_dir() else [path]
    for part in parts:
        handle = os.open(part, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if re.match(r"\w*Error:", line)]
        return {"error": (reasons or ["failed"])[-1]}
    return json.loads(done.stdout)


def measure(command, path, rounds):
    """Times of rounds without the file in the cache, and of as many with it there."""
    found = {"cold": [], "warm": []}
    for _ in range(rounds):
        drop(path)
        for state in found:
            result = run(command)
            if "error" in result:
                return result
            found[state].append(result)
    middle = {
        state: {name: statistics.median(one[name] for one in all_) for name in ["open_s", "frame_s", "sum", "peak_kb"]}
        for state, all_ in found.items()
    }
    return middle


def row(who, result):
    if "error" in result:
        return f"| {who} | {result['error'][:100]} | | | | |"
    cold, warm = result["cold"], result["warm"]
    rate = 2 * SIDE * SIDE / 1e6
    cells = [
        f"{1e3 * cold['open_s']:.1f} ms, {1e3 * warm['open_s']:.1f} ms",
        f"{1e3 * cold['frame_s']:.1f} ms, {1e3 * warm['frame_s']:.1f} ms",
        f"{rate / cold['frame_s']:.0f}, {rate / warm['frame_s']:.0f}",
        f"{max(cold['peak_kb'], warm['peak_kb']) / 1e3:.0f} MB",
    ]
    return f"| {who} | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("stacks", nargs="*", choices=[*STACKS, []])
    parser.add_argument("--frames", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| | open: from the disk, cached | a frame: from the disk, cached | MB/s | peak memory |")
    print("|---|---|---|---|---|", flush=True)
    for key in options.stacks or STACKS:
        title, name, write, module = STACKS[key]
        with tempfile.TemporaryDirectory(prefix="large-stack-") as folder:
            path = Path(folder) / name
            write(path, options.frames)
            ours = measure([options.program, str(path)], path, options.rounds)
            theirs = measure([sys.executable, "-c", PEER, str(path), module or "numpy"], path, options.rounds)
        print(row(title, ours))
        print(row(f"{title}, {'RosettaSciIO' if module else 'numpy.load'}", theirs), flush=True)
        sums = [result["cold"]["sum"] for result in (ours, theirs) if "error" not in result]
        if len(sums) == 2 and sums[0] != sums[1]:
            print(f"{title}: the frames differ, {sums}", file=sys.stderr)


if __name__ == "__main__":
    main()
