#!/bin/sh
# compile.sh ROOTFS SOURCES OUT: compiles the workloads' programs with the root filesystem's own compiler.
# What it mounts is seen by nobody else, and goes with it.
set -eu
[ "${PRIVATE:-}" ] || PRIVATE=1 exec unshare --mount --pid --fork --kill-child "$0" "$@"
rootfs=$1 sources=$2 out=$3
mount --bind "$out" "$rootfs/mnt"
mount -t tmpfs tmpfs "$rootfs/tmp"
mount --bind "$sources" "$rootfs/srv"
chroot "$rootfs" /bin/sh -eu <<'INSIDE'
cd /srv
mkdir /mnt/bin
# miner first: loader carries it as its payload.
for source in miner.c pause.c $(ls *.c); do
  program=/mnt/bin/${source%.c}
  # A program for debuggers says so: `// flags: …`.
  flags=$(sed -n 's,^// flags: ,,p' "$source")
  [ -e "$program" ] || musl-gcc -static ${flags:--Os -s} -Wall -Werror -pthread -Wa,-I/mnt/bin -o "$program" "$source"
done
cp /mnt/bin/pause /mnt/pause
cp /usr/bin/busybox /mnt/bin/busybox
busybox --list >/mnt/applets
INSIDE
