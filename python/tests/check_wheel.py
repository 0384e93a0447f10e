"""Checks a wheel: what is in it, its version, which is the command's, and a release's size. check_wheel.py WHEEL COMMAND PROFILE"""

import subprocess
import sys
import zipfile
from pathlib import Path

MOST_BYTES = 25_000_000


def main(wheel: Path, command: str, profile: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        entries = {entry.filename: entry.file_size for entry in archive.infolist()}
    [extension] = [name for name in entries if name.endswith(".so")]
    megabytes = entries[extension] / 1e6
    assert profile != "release" or entries[extension] < MOST_BYTES, f"{extension} has {megabytes:.1f} MB"
    for name in ("py.typed", "_adatom.pyi", "napari.yaml", "_napari.py", "_napari_reader.py"):
        assert f"adatom/{name}" in entries, f"{name} is missing"
    assert not [name for name in entries if "test" in name or name.endswith(".rs")], entries
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    assert wheel.name.startswith(f"adatom-{version}-cp311-abi3-"), f"{wheel.name}: the command is {version}"
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, its extension {megabytes:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
