#!/bin/sh
# Compares `adatom-multislice` with abTEM, value by value and in time, see multislice.py:
#
#     benches/peers/multislice.sh [CASE...]
#
# abTEM comes from PyPI, our side is built in release mode. THREADS (2) threads each.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../environment.sh"
environment multislice abtem==1.0.11 matplotlib==3.10.8
cd "$here/../.."
cargo build --release --locked -p adatom-multislice --example peer
exec "$venv/bin/python" "$here/multislice.py" "${CARGO_TARGET_DIR:-target}/release/examples/peer" "$@"
