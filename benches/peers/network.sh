#!/bin/sh
# Compares the speed and memory of the network with PyTorch and ONNX Runtime:
#
#     benches/peers/network.sh [ROUNDS [CASE...]]
#
# PyTorch and ONNX Runtime come from PyPI into a virtual environment in ADATOM_PEERS (about 3 GB;
# by default $TMPDIR/adatom-peers), our side is built in release mode. THREADS (2) threads each.
set -eu
cd "$(dirname "$0")/../.."
peers=${ADATOM_PEERS:-${TMPDIR:-/tmp}/adatom-peers}
if ! "$peers/venv/bin/python" -c "import torch, onnx, onnxruntime" 2>/dev/null; then
    mkdir -p "$peers"
    python3 -m venv "$peers/venv"
    "$peers/venv/bin/pip" install --quiet numpy torch onnx onnxruntime
fi
cargo build --release --locked -p adatom-network --example speed
# A forced kernel choice of OpenBLAS would not be a fair comparison.
unset OPENBLAS_CORETYPE
target=${CARGO_TARGET_DIR:-target}
rounds=${1:-3}
[ $# -eq 0 ] || shift
exec "$peers/venv/bin/python" benches/peers/network.py "$target/release/examples/speed" "$peers" "$rounds" "$@"
