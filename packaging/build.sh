#!/usr/bin/env bash
# Makes target/package/adatom_VERSION_ARCH.deb and adatom-VERSION-ARCH.tar.gz, an archive that runs from where it is
# unpacked. Needs Rust, a C compiler, dpkg-deb and objdump; a glibc no newer than this machine's runs them.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
# PROFILE=dev packs an unoptimised program, to try the packages themselves.
profile=${PROFILE:-release}
cargo build --profile "$profile" --locked -p adatom-cli --features desktop
binary=$target/${profile/dev/debug}/adatom
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
machine=$(uname -m)
architecture=$(dpkg --print-architecture)
# The newest glibc that the binary asks for.
glibc=$(objdump -T "$binary" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1 | cut -d_ -f2)

out=$target/package
rm -rf "$out"
mkdir -p "$out"
tree=$out/tree
install -D -m 755 "$binary" "$tree/usr/bin/adatom"
strip "$tree/usr/bin/adatom"
install -D -m 644 packaging/adatom.desktop "$tree/usr/share/applications/adatom.desktop"
install -D -m 644 packaging/adatom.xml "$tree/usr/share/mime/packages/adatom.xml"
install -D -m 644 crates/desktop/assets/adatom.svg "$tree/usr/share/icons/hicolor/scalable/apps/adatom.svg"
documents=$tree/usr/share/doc/adatom
install -D -m 644 -t "$documents" README.md CHANGELOG.md docs/desktop.md docs/*.png LICENSE-MIT LICENSE-APACHE
install -D -m 644 crates/desktop/assets/OFL.txt "$documents/LICENSE-Inter-OFL"
install -D -m 644 examples/srtio3.tif "$documents/examples/srtio3.tif"
cat > "$documents/copyright" <<EOF
Adatom is licensed under MIT (LICENSE-MIT) or Apache-2.0 (LICENSE-APACHE), at your choice.
The typeface Inter in the program is licensed under the SIL Open Font License 1.1 (LICENSE-Inter-OFL).
EOF

# Unpacked anywhere: the same tree without usr/, and a script that makes the desktop know it.
portable=$out/adatom-$version-$machine
cp -a "$tree/usr" "$portable"
install -m 755 packaging/install-for-me.sh "$portable/install-for-me"
ln -s bin/adatom "$portable/adatom"
tar -C "$out" --owner=0 --group=0 --sort=name -czf "$out/adatom-$version-$machine.tar.gz" "adatom-$version-$machine"

# What the program opens when a window is asked for is not linked, so Debian's tools don't see it.
mkdir -p "$tree/DEBIAN"
cat > "$tree/DEBIAN/control" <<EOF
Package: adatom
Version: $version
Architecture: $architecture
Maintainer: The Adatom developers <adatom@users.noreply.github.com>
Section: science
Priority: optional
Installed-Size: $(du -sk "$tree/usr" | cut -f1)
Depends: libc6 (>= $glibc), libgcc-s1, libgl1, libegl1, libx11-6, libx11-xcb1, libxcursor1, libxi6, libxkbcommon0, libxkbcommon-x11-0, shared-mime-info, desktop-file-utils
Recommends: xdg-desktop-portal, libwayland-client0, libwayland-egl1
Description: finds, measures and restores atom columns in ADF-STEM images
 The command adatom and its desktop app: images of electron microscopes are restored by a network that comes
 with the program, every atom column is found and measured, and what was found can be edited, measured and exported.
EOF
for script in postinst postrm; do
    cat > "$tree/DEBIAN/$script" <<'EOF'
#!/bin/sh
set -e
command -v update-mime-database >/dev/null && update-mime-database /usr/share/mime || true
command -v update-desktop-database >/dev/null && update-desktop-database -q || true
command -v gtk-update-icon-cache >/dev/null && gtk-update-icon-cache -q /usr/share/icons/hicolor || true
EOF
    chmod 755 "$tree/DEBIAN/$script"
done
dpkg-deb --root-owner-group --build "$tree" "$out/adatom_${version}_$architecture.deb" >/dev/null
rm -rf "$tree" "$portable"
ls -l "$out"
