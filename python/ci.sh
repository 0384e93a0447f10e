#!/usr/bin/env bash
# Builds the Python package and tests it: pytest, mypy and stubtest, the notebooks, and an installation into a bare
# environment. Environments and wheels go to a folder outside the clone, ADATOM_PYTHON or a temporary one.
#
# The profile is PROFILE, by default dev: it shares its dependencies with `cargo test`. The wheel for users:
#
#     maturin build --release --locked -m python/Cargo.toml
set -euo pipefail
cd "$(dirname "$0")"
profile=${PROFILE:-dev}
work=${ADATOM_PYTHON:-$(mktemp -d)}
mkdir -p "$work"

# Qt's libraries for napari, and PyTorch for the example: PyPI has it for graphics cards alone.
packages=()
python3 -c 'import ensurepip, sys; assert sys.version_info >= (3, 11)' 2>/dev/null || packages+=(python3-venv)
ldconfig -p | grep -q libEGL.so.1 || packages+=(libegl1)
ldconfig -p | grep -q libGL.so.1 || packages+=(libgl1)
ldconfig -p | grep -q libxkbcommon.so.0 || packages+=(libxkbcommon0)
ldconfig -p | grep -q libdbus-1.so.3 || packages+=(libdbus-1-3)
ldconfig -p | grep -q libfontconfig.so.1 || packages+=(libfontconfig1)
ldconfig -p | grep -q libglib-2.0.so.0 || packages+=(libglib2.0-0)
/usr/bin/python3 -c 'import torch' 2>/dev/null || packages+=(python3-torch)
if [ ${#packages[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

# Packages come while the extension is built.
[ -e "$work/venv/bin/pip" ] || python3 -m venv "$work/venv"
bin=$work/venv/bin
"$bin/pip" install --quiet --disable-pip-version-check maturin==1.16.0
"$bin/pip" install --quiet --disable-pip-version-check -r requirements-test.txt &
installing=$!
cargo build --profile "$profile" --locked -p adatom-cli
rm -rf "$work/wheels"
"$bin/maturin" build --profile "$profile" --locked --out "$work/wheels" --interpreter "$bin/python"
wait "$installing"
wheel=$(echo "$work"/wheels/adatom-*.whl)
"$bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheel"

target=$(cargo metadata --format-version 1 --no-deps --locked | "$bin/python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
export ADATOM_COMMAND=$target/${profile/#dev/debug}/adatom
export QT_QPA_PLATFORM=offscreen MPLBACKEND=Agg

"$bin/python" tests/check_wheel.py "$wheel" "$ADATOM_COMMAND"
# From outside, so that the installed package is meant and not the sources.
cd "$work"
"$bin/mypy" --config-file "$OLDPWD/pyproject.toml" -p adatom
"$bin/stubtest" adatom._adatom
"$bin/pytest" -q -p no:cacheprovider -c "$OLDPWD/pyproject.toml" --rootdir "$OLDPWD" "$OLDPWD/tests"
ADATOM_NOTEBOOK_MINUTES=0.1 "$bin/python" "$OLDPWD/tests/run_notebooks.py"

# A bare environment: the wheel, NumPy, and the first cell of the first notebook.
rm -rf bare
python3 -m venv bare
bare/bin/pip install --quiet --disable-pip-version-check "$wheel"
"$bin/python" "$OLDPWD/tests/run_notebooks.py" --first-cell | bare/bin/python -
echo "the package of $(basename "$wheel") is fine"
