#!/bin/sh
# Everything that adatom writes, opened by other programs; see formats_written.py. Needs Python 3.11 and PyPI.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../environment.sh"
formats_environment
exec "$venv/bin/python" "$here/formats_written.py" "$@"
