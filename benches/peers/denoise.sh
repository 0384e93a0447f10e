#!/bin/sh
# Denoising against other methods, see denoise.py. Needs Python 3.11 and PyPI.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../environment.sh"
environment denoise numpy==2.4.6 scipy==1.17.1 pillow==13.0.0 tifffile==2026.3.3 scikit-image==0.26.0 bm3d==4.0.3
exec "$venv/bin/python" "$here/denoise.py" "$@"
