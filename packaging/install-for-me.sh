#!/bin/sh
# Makes the desktop of this user know the program where it lies: menu, icon and files.
set -e
here=$(cd "$(dirname "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
mkdir -p "$data/applications" "$data/mime/packages" "$data/icons/hicolor/scalable/apps"
sed "s|^Exec=adatom|Exec=\"$here/bin/adatom\"|" "$here/share/applications/adatom.desktop" \
    > "$data/applications/adatom.desktop"
cp "$here/share/mime/packages/adatom.xml" "$data/mime/packages/"
cp "$here/share/icons/hicolor/scalable/apps/adatom.svg" "$data/icons/hicolor/scalable/apps/"
if command -v update-mime-database >/dev/null; then update-mime-database "$data/mime"; fi
if command -v update-desktop-database >/dev/null; then update-desktop-database -q "$data/applications"; fi
echo "Adatom is in the menu of programs; it runs from $here"
