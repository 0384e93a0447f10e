#!/bin/sh
# Opening stacks of 2 GB and reading one frame, beside RosettaSciIO; see large_stack.py. Needs
# Python 3.11, PyPI, and 3 GB in the temporary folder.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/environment.sh"
formats_environment
cd "$here/.."
cargo build --quiet --release -p adatom-formats --example read_frame
exec "$venv/bin/python" "$here/large_stack.py" "${CARGO_TARGET_DIR:-target}/release/examples/read_frame" "$@"
