#!/bin/sh
# Opening stacks of 2 GB and reading one frame, beside RosettaSciIO; see large_stack.py. Needs
# Python 3.11, PyPI, and 3 GB in the temporary folder.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/environment.sh"
environment formats hyperspy==2.5.0 rosettasciio==0.15.0 ncempy==1.16 h5py==3.16.0 tifffile==2026.3.3 numpy==2.4.6 \
    pillow==13.0.0 imageio==2.38.1 ase==3.29.0 gemmi==0.7.5 zarr==3.1.6
cd "$here/.."
cargo build --quiet --release -p adatom-formats --example read_frame
exec "$venv/bin/python" "$here/large_stack.py" "${CARGO_TARGET_DIR:-target}/release/examples/read_frame" "$@"
