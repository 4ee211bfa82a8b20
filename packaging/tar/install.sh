#!/bin/sh
# Installs Skerry from this folder: no network, no packages. Needs root and glibc @GLIBC@ or newer (Debian 12).
set -eu

usage() {
  cat <<'HELP'
usage: install.sh [--prefix DIR] [--root DIR] [--no-start]    install or upgrade
       install.sh --uninstall [--purge] [--prefix DIR] [--root DIR]

--prefix DIR   where program and libraries go (default: /opt/skerry)
--root DIR     install into a system whose root is DIR, for images; starts nothing
--no-start     do not start the service
--uninstall    remove program and service; settings and data stay, unless --purge
HELP
}

prefix=/opt/skerry root='' start=yes what=install purge=no
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) prefix=${2:?--prefix needs a folder}; shift ;;
    --root) root=${2:?--root needs a folder}; start=no; shift ;;
    --no-start) start=no ;;
    --uninstall) what=uninstall ;;
    --purge) purge=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || { echo "install.sh: run it as root" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
unit=$root/etc/systemd/system/skerry.service
systemd() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

if [ "$what" = uninstall ]; then
  if systemd; then systemctl disable --now skerry.service >/dev/null 2>&1 || true; fi
  rm -rf "$root${prefix:?}/bin/skerry" "$root$prefix/lib/skerry" "$root/usr/local/share/man/man1/skerry.1" "$unit"
  [ "$(readlink "$root/usr/local/bin/skerry" || true)" != "$prefix/bin/skerry" ] || rm "$root/usr/local/bin/skerry"
  rmdir "$root$prefix/bin" "$root$prefix/lib" "$root$prefix" 2>/dev/null || true
  if systemd; then systemctl daemon-reload; fi
  if [ "$purge" = yes ]; then rm -rf "$root/etc/skerry" "$root/var/lib/skerry"; fi
  echo "Skerry is removed$([ "$purge" = yes ] || echo "; settings in /etc/skerry and data in /var/lib/skerry stay")."
  exit 0
fi

if ! "$here/bin/skerry" --version >/dev/null 2>&1 && [ -z "$root" ]; then
  echo "install.sh: the program does not run here. It is for $(cat "$here/ARCHITECTURE"), and needs glibc @GLIBC@ or newer." >&2
  exit 1
fi
# In the root it is for; where that has no useradd, by hand.
in_root() { if [ -n "$root" ]; then chroot "$root" "$@"; else "$@"; fi; }
if ! grep -q '^skerry:' "$root/etc/passwd"; then
  in_root useradd --system --user-group --home-dir /var/lib/skerry --no-create-home --shell /usr/sbin/nologin skerry
fi
mkdir -p "$root$prefix/bin" "$root$prefix/lib/skerry" "$root/etc/skerry" "$root/var/lib/skerry" "$root/etc/systemd/system" \
  "$root/usr/local/bin" "$root/usr/local/share/man/man1"
# A new file under another name, then a rename: a running program keeps the one it has.
put() { # from, to, mode
  cp "$1" "$2.new"
  chmod "$3" "$2.new"
  mv "$2.new" "$2"
}
put "$here/bin/skerry" "$root$prefix/bin/skerry" 0755
for library in "$here"/lib/skerry/*; do put "$library" "$root$prefix/lib/skerry/${library##*/}" 0644; done
put "$here/skerry.1" "$root/usr/local/share/man/man1/skerry.1" 0644
ln -sfn "$prefix/bin/skerry" "$root/usr/local/bin/skerry"
# Settings of the site are never touched; the fresh file lies beside them for comparison.
[ -e "$root/etc/skerry/skerry.yaml" ] || cp "$here/skerry.yaml" "$root/etc/skerry/skerry.yaml"
cp "$here/skerry.yaml" "$root/etc/skerry/skerry.yaml.default"
sed "s|/usr/bin/skerry|$prefix/bin/skerry|" "$here/skerry.service" >"$unit"
chmod 0644 "$root/etc/skerry/skerry.yaml" "$root/etc/skerry/skerry.yaml.default" "$unit"
in_root chown skerry:skerry /var/lib/skerry
chmod 0750 "$root/var/lib/skerry"

if systemd; then
  systemctl daemon-reload
  systemctl enable skerry.service >/dev/null 2>&1
  [ "$start" = no ] || systemctl restart skerry.service
fi
echo "Skerry $(cat "$here/VERSION") is installed in $prefix. Settings: /etc/skerry/skerry.yaml; data: /var/lib/skerry."
if systemd; then echo "Service: systemctl status skerry"; else echo "Run it: skerry edge --config /etc/skerry/skerry.yaml"; fi
