#!/usr/bin/env bash
# tar.sh FOLDER NAME: prints NAME of FOLDER as a tar. The same content gives the same bytes; all times are SOURCE_DATE_EPOCH.
exec tar --create --directory "$1" --format=ustar --sort=name --mtime="@${SOURCE_DATE_EPOCH:?}" \
  --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX "$2"
