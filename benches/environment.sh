# For the benchmarks' wrappers: `environment NAME PACKAGE...` makes the Python environment of that name
# from PyPI, once, and leaves its folder in $venv.
environment() {
    venv=${TMPDIR:-/tmp}/adatom-peers/venv-$1
    shift
    if [ ! -e "$venv/ready" ]; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet "$@"
        touch "$venv/ready"
    fi
}

# The environment with everything that reads and writes microscopes' files.
formats_environment() {
    environment formats hyperspy==2.5.0 rosettasciio==0.15.0 ncempy==1.16 h5py==3.16.0 tifffile==2026.3.3 numpy==2.4.6 \
        pillow==13.0.0 imageio==2.38.1 ase==3.29.0 gemmi==0.7.5 zarr==3.1.6
}
