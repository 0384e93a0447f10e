#!/usr/bin/env bash
# Opens an image in a real window on a virtual screen, drawn by the processor, finds its columns and takes a picture:
#   packaging/smoke.sh target/release/adatom examples/srtio3.tif window.png
# Needs xvfb, xdotool and imagemagick. Prints how long the window took to appear.
set -euo pipefail
binary=$1 image=$2 picture=$3
home=$(mktemp -d)
trap 'kill $app $screen 2>/dev/null || true; rm -rf "$home"' EXIT
app='' screen=''
number=${DISPLAY_NUMBER:-97}
Xvfb ":$number" -screen 0 1400x900x24 >/dev/null 2>&1 &
screen=$!
export DISPLAY=:$number LIBGL_ALWAYS_SOFTWARE=1 XDG_CONFIG_HOME=$home XDG_STATE_HOME=$home XDG_DATA_HOME=$home
unset WAYLAND_DISPLAY
until xdotool getdisplaygeometry >/dev/null 2>&1; do sleep 0.1; done
begun=$(date +%s%N)
"$binary" desktop "$image" &
app=$!
window=$(xdotool search --sync --onlyvisible --name '^Adatom$' | head -1)
echo "window after $((($(date +%s%N) - begun) / 1000000)) ms"
xdotool windowfocus "$window" windowmove "$window" 0 0 || true
sleep 2
xdotool key --window "$window" ctrl+r
# Until the program is idle again.
used() { awk '{print $14 + $15}' "/proc/$app/stat"; }
before=-1 now=$(used)
until [ $((now - before)) -lt 8 ]; do
    sleep 2
    before=$now now=$(used)
done
sleep 9 # Notices are gone.
import -window root "$picture"
xdotool key --window "$window" ctrl+q
for _ in $(seq 50); do
    kill -0 $app 2>/dev/null || { echo "closed by itself"; exit 0; }
    sleep 0.1
done
echo "did not close" >&2
exit 1
