#!/usr/bin/env bash
# dpkg_records.sh ROOT: writes the records that dpkg would write if it installed the packages in ROOT's cache.
set -euo pipefail
cd "$1/var"

for package in cache/apt/archives/*.deb; do
  {
    dpkg-deb --field "$package" | sed '1a Status: install ok installed'
    echo
  } >>lib/dpkg/status
  name=$(dpkg-deb --field "$package" Package)
  dpkg-deb --fsys-tarfile "$package" | tar --list | sed 's|^\./|/|; s|/$||; s|^$|/.|' >"lib/dpkg/info/$name.list"
done
