#!/usr/bin/env bash
# Builds the Python package and tests it: pytest, mypy and stubtest, the notebooks, and an installation into a bare
# environment. Environments and wheels go to a folder outside the clone, ADATOM_PYTHON or a temporary one.
#
# The profile is PROFILE, by default dev: it shares its dependencies with `cargo test`. The wheel for users:
#
#     maturin build --release --locked -m python/Cargo.toml
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"
profile=${PROFILE:-dev}
work=${ADATOM_PYTHON:-$(mktemp -d)}
mkdir -p "$work"

install() {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
python3 -c 'import ensurepip, sys; assert sys.version_info >= (3, 11)' 2>/dev/null || install python3-venv
"$work/venv/bin/pip" --version >/dev/null 2>&1 || python3 -m venv --clear "$work/venv"
bin=$work/venv/bin
pip() { "$bin/pip" install --quiet --disable-pip-version-check "$@"; }
pip maturin==1.16.0

# While the extension is built: the tests' packages, Qt's libraries for napari, and PyTorch for the example, which PyPI has
# for graphics cards alone.
(
    packages=()
    for library in libEGL.so.1:libegl1 libGL.so.1:libgl1 libxkbcommon.so.0:libxkbcommon0 libdbus-1.so.3:libdbus-1-3 \
        libfontconfig.so.1:libfontconfig1 libglib-2.0.so.0:libglib2.0-0; do
        ldconfig -p | grep -q "${library%:*}" || packages+=("${library#*:}")
    done
    /usr/bin/python3 -c 'import torch' 2>/dev/null || packages+=(python3-torch)
    [ ${#packages[@]} -eq 0 ] || install "${packages[@]}"
    pip -r requirements-test.txt
) &
installing=$!
# What a package is compared with. In CI the tests have built it.
if [ -z "${ADATOM_COMMAND:-}" ]; then
    target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    if [ "$profile" = dev ]; then
        cargo test --workspace --locked --no-run
    else
        cargo build --profile "$profile" --locked -p adatom-cli
    fi
    export ADATOM_COMMAND=$target/${profile/#dev/debug}/adatom
fi
shared=()
[ "$profile" != dev ] || shared=(--features as-tested)
rm -rf "$work/wheels"
"$bin/maturin" build --profile "$profile" --locked "${shared[@]}" --out "$work/wheels" --interpreter "$bin/python"
wait "$installing"
wheel=$(echo "$work"/wheels/adatom-*.whl)
pip --force-reinstall --no-deps "$wheel"

export QT_QPA_PLATFORM=offscreen MPLBACKEND=Agg

"$bin/python" tests/check_wheel.py "$wheel" "$ADATOM_COMMAND" "$profile"
# From outside, so that the installed package is meant and not the sources.
cd "$work"
"$bin/mypy" --config-file "$here/pyproject.toml" -p adatom
"$bin/stubtest" adatom._adatom
"$bin/pytest" -q -p no:cacheprovider -c "$here/pyproject.toml" --rootdir "$here" "$here/tests"
ADATOM_NOTEBOOK_MINUTES=0.1 "$bin/python" "$here/tests/run_notebooks.py"

# A bare environment: the wheel, NumPy, and the first cell of the first notebook.
rm -rf bare
python3 -m venv bare
bare/bin/pip install --quiet --disable-pip-version-check "$wheel"
"$bin/python" "$here/tests/run_notebooks.py" --first-cell | bare/bin/python -
echo "the package of $(basename "$wheel") is fine"
