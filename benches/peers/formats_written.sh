#!/bin/sh
# Everything that adatom writes, opened by other programs; see formats_written.py. Needs Python 3.11 and PyPI.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../environment.sh"
environment formats hyperspy==2.5.0 rosettasciio==0.15.0 ncempy==1.16 h5py==3.16.0 tifffile==2026.3.3 numpy==2.4.6 \
    pillow==13.0.0 imageio==2.38.1 ase==3.29.0 gemmi==0.7.5 zarr==3.1.6
exec "$venv/bin/python" "$here/formats_written.py" "$@"
