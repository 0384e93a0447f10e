#!/bin/sh
# Real images against hand labels, see real_images.py. Needs Python 3.11 and PyPI.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/environment.sh"
environment real numpy==2.4.6 scipy==1.17.1 pillow==13.0.0 tifffile==2026.3.3 rosettasciio h5py
exec "$venv/bin/python" "$here/real_images.py" "$@"
