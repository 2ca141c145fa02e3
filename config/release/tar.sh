#!/usr/bin/env bash
# tar.sh FOLDER NAME: NAME of FOLDER as a tar of the same bytes for the same content, all of it at SOURCE_DATE_EPOCH.
exec tar --create --directory "$1" --format=ustar --sort=name --mtime="@${SOURCE_DATE_EPOCH:?}" \
  --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX "$2"
