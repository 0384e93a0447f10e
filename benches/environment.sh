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
