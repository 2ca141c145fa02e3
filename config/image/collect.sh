#!/usr/bin/env bash
# collect.sh BINARY... DIR: lays out in the new folder DIR the root file system of an image that runs the binaries and
# nothing else: they in /usr/bin, the shared libraries that they load, CA certificates, the user `nonroot` (65532). The
# records of the Debian packages that the files come from are kept where scanners of distroless images look for them.
set -euo pipefail

(($# >= 2)) || {
  echo "usage: $0 BINARY... DIR" >&2
  exit 2
}
binaries=("${@:1:$#-1}") root=${!#}
umask 022

mkdir -p "$root"/{etc/ssl/certs,usr/bin,usr/lib/ssl,usr/lib64,usr/share/doc,var/lib/dpkg/status.d}
ln -s usr/lib usr/lib64 "$root"
install -m 755 "${binaries[@]}" "$root/usr/bin/"
install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
# Where Debian's OpenSSL looks if nothing else is named (`openssl version -d`).
ln -s ../../../etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
printf '%s\n' 'root:x:0:0:root:/:/nonexistent' 'nonroot:x:65532:65532:nonroot:/:/nonexistent' >"$root/etc/passwd"
printf '%s\n' 'root:x:0:' 'nonroot:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

# "NAME => PATH (ADDRESS)", and "PATH (ADDRESS)" for the loader itself.
mapfile -t libraries < <(ldd "${binaries[@]}" | sed '/^[^[:space:]]/d' | grep -o '/[^ ]*' | sort -u)
for library in "${libraries[@]}"; do
  mkdir -p "$root/$(dirname "$library")"
  cp --dereference --preserve=mode "$library" "$root/$library"
done

# dpkg knows a file either below /usr or not, and both are the same file.
mapfile -t packages < <(
  { dpkg-query --search "${libraries[@]}" "${libraries[@]/#//usr}" 2>/dev/null || true; } | cut -d: -f1 | sort -u
  echo ca-certificates
)
for package in "${packages[@]}"; do
  dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
  install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done
