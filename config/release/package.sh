#!/usr/bin/env bash
# package.sh ARCH VERSION OUT: packs receiverctl as an archive and as a .deb in the folder OUT, with completions and a manual
# page. The packages contain all libraries except glibc, and run on any Linux with glibc 2.36 or newer. Run `make build` first
# and, for arm64, `make build-arm64`. All files have the time SOURCE_DATE_EPOCH.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
arch=$1 version=$2 out=$3
: "${SOURCE_DATE_EPOCH:?}"
umask 022

build=$root/build/release
if [[ $arch == arm64 ]]; then
  build=$root/build/arm64
  SYSROOT=$("$here/sysroot.sh")
  export SYSROOT
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$root/config/image/collect.sh" "$build/receiverctl" "$work/root"
name=receiverctl_${version}_linux_$arch
tree=$work/$name
mkdir -p "$tree"/{bin,lib/receiverctl,share/{doc/receiverctl,man/man1,bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d}}
patchelf --force-rpath --set-rpath "\$ORIGIN/../lib/receiverctl" --output "$tree/bin/receiverctl" "$build/receiverctl"
chmod 755 "$tree/bin/receiverctl"
ln -s receiverctl "$tree/bin/kubectl-bitbucket_receiver"
ln -s receiverctl "$tree/bin/kubectl_complete-bitbucket_receiver"
for library in "$work"/root/usr/lib/*-linux-gnu/*; do
  case ${library##*/} in
    ld-linux* | libc.so.* | libm.so.* | libdl.so.* | librt.so.* | libpthread.so.* | libresolv.so.*) ;; # glibc's own
    *) install -m 644 "$library" "$tree/lib/receiverctl/" ;;
  esac
done
print() { "$root/build/release/receiverctl" completion "$1"; }
print bash >"$tree/share/bash-completion/completions/receiverctl"
print zsh >"$tree/share/zsh/vendor-completions/_receiverctl"
print fish >"$tree/share/fish/vendor_completions.d/receiverctl.fish"
print man | gzip --best --no-name >"$tree/share/man/man1/receiverctl.1.gz"
{
  cat "$root/LICENSE"
  for package in "$work"/root/usr/share/doc/*; do
    case ${package##*/} in base-files | ca-certificates | libc6) continue ;; esac # not in the packages
    printf '\n==> %s, in lib/receiverctl\n\n' "${package##*/}"
    cat "$package/copyright"
  done
} >"$tree/share/doc/receiverctl/copyright"
find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

"$here/tar.sh" "$work" "$name" | gzip --best --no-name >"$out/$name.tar.gz"

mkdir -p "$work/deb/DEBIAN"
mv "$tree" "$work/deb/usr"
cat >"$work/deb/DEBIAN/control" <<CONTROL
Package: receiverctl
Version: ${version//-/\~}
Architecture: $arch
Maintainer: The maintainers of bitbucket-receiver <maintainers@bitbucket-receiver.example>
Installed-Size: $(du --summarize --apparent-size --block-size=1024 "$work/deb/usr" | cut -f1)
Depends: libc6 (>= 2.36)
Recommends: ca-certificates
Section: admin
Priority: optional
Description: helps with Bitbucket's webhooks for Kargo
 Registers webhooks in Bitbucket, checks an installation of bitbucket-receiver,
 sends it signed deliveries and explains what they refresh. Also a plugin of
 kubectl: kubectl bitbucket-receiver.
CONTROL
touch --date="@$SOURCE_DATE_EPOCH" "$work/deb/DEBIAN/control" "$work/deb/DEBIAN" "$work/deb"
dpkg-deb --root-owner-group --threads-max=1 -Zxz --build "$work/deb" "$out/receiverctl_${version}_$arch.deb" >/dev/null
