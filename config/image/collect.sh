#!/usr/bin/env bash
# collect.sh BINARY... DIR: creates the folder DIR with a root file system that contains only what the binaries need: the
# binaries in /usr/bin, their shared libraries, CA certificates, and the user `nonroot` (65532). The records of the Debian
# packages, and /etc/os-release, are where scanners of distroless images look for them.
#
#   SYSROOT   the Debian system that the libraries come from, / by default; for another architecture the one of
#             config/release/sysroot.sh
set -euo pipefail

(($# >= 2)) || {
  echo "usage: $0 BINARY... DIR" >&2
  exit 2
}
binaries=("${@:1:$#-1}") root=${!#} sysroot=${SYSROOT:-}
umask 022

mkdir -p "$root"/{etc/ssl/certs,usr/bin,usr/lib/ssl,usr/lib64,usr/share/doc,var/lib/dpkg/status.d}
ln -s usr/lib usr/lib64 "$root"
install -m 755 "${binaries[@]}" "$root/usr/bin/"
install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
# The default place of Debian's OpenSSL (`openssl version -d`).
ln -s ../../../etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
printf '%s\n' 'root:x:0:0:root:/:/nonexistent' 'nonroot:x:65532:65532:nonroot:/:/nonexistent' >"$root/etc/passwd"
printf '%s\n' 'root:x:0:' 'nonroot:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

# Resolves shared libraries as the loader would, without running it: what each file needs, from the folders that the loader
# searches. The loader itself is at the path that the programs name.
needs() {
  readelf --wide --dynamic --program-headers "$@" |
    sed -n '/\[ld-linux/d; s/.*(NEEDED).*\[\(.*\)\]/\1/p; s/.*interpreter: \(.*\)\]/\1/p'
}
case $(readelf --file-header "${binaries[0]}") in
  *X86-64*) triplet=x86_64-linux-gnu ;;
  *AArch64*) triplet=aarch64-linux-gnu ;;
esac
declare -A libraries
mapfile -t wanted < <(needs "${binaries[@]}")
while ((${#wanted[@]})); do
  found=()
  for name in "${wanted[@]}"; do
    for library in "$name" {/lib,/usr/lib}/{"$triplet/",}"$name" "/lib64/$name"; do
      [[ $library == /* && -e $sysroot$library ]] || continue
      [[ -v libraries[$library] ]] || found+=("$sysroot$library")
      libraries[$library]=1
      continue 2
    done
    echo "$0: $name is needed, and is not to be found in ${sysroot:-/}" >&2
    exit 1
  done
  wanted=()
  ((${#found[@]} == 0)) || mapfile -t wanted < <(needs "${found[@]}")
done
for library in "${!libraries[@]}"; do
  mkdir -p "$root/$(dirname "$library")"
  cp --dereference --preserve=mode "$sysroot$library" "$root/$library"
done

# dpkg may know a file with or without /usr; both paths are the same file.
query() { dpkg-query --admindir="$sysroot/var/lib/dpkg" "$@"; }
paths=("${!libraries[@]}")
mapfile -t packages < <(
  { query --search "${paths[@]}" "${paths[@]/#//usr}" 2>/dev/null || true; } | cut -d: -f1 | sort -u
)
for package in "${packages[@]}"; do
  query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
  install -D -m 644 "$sysroot/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done
# The same for every architecture, so they come from this machine: the CA certificates, and the name of the distribution, without
# which scanners do not know whose packages these are.
install -m 644 /usr/lib/os-release "$root/usr/lib/os-release"
ln -s ../usr/lib/os-release "$root/etc/os-release"
for package in base-files ca-certificates; do
  dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
  install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done
