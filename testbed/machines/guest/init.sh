#!/bin/busybox sh
# The first process of an emulated machine: gives it the file systems of a node whose only control groups are of version 2,
# lets scenario.mjs work, writes what it left in /out to the disk as a tar, and switches the machine off.
export PATH=/bin
busybox mkdir -p /proc /sys /dev /tmp /out /sbin /usr/bin
busybox mount -t proc proc /proc
busybox --install -s /bin
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
mount -t sysfs sys /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /tmp
# The kernel calls it for a module that it wants, a socket's diagnosis for example.
ln -s /bin/modprobe /sbin/modprobe
depmod
modprobe virtio_pci
modprobe virtio_blk
ip link set lo up
hostname machine
uname -a
node /machine/scenario.mjs
echo "scenario: $?"
tar -cf /dev/vda -C /out .
sync
poweroff -f
