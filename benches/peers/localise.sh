#!/bin/sh
# Fitting columns against Atomap, see localise.py. Needs Python 3.11 and PyPI.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../environment.sh"
environment localise atomap==0.4.2 tifffile==2026.3.3
exec "$venv/bin/python" -W ignore "$here/localise.py" "$@"
