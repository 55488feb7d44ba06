#!/bin/sh
# init.sh STATE CGROUP ROOTFS [SOURCE:TARGET...]: the sandbox's first process, in namespaces made by keeper.sh.
# Moves into a cgroup and a cgroup namespace of its own, so that all cgroups made inside are below that one;
# builds a root filesystem in memory over the shared one, which stays as it is; moves into it and reaps orphans.
set -eu
state=$1 cgroup=$2 rootfs=$3
. "$(dirname "$0")/cgroups.sh"

if [ ! "${IN_CGROUP:-}" ]; then
  # The host's /proc is still mounted: this is our number as the host counts.
  read -r stat </proc/self/stat
  echo "$stat" >"$state/init.stat"
  enter_cgroup "$cgroup"
  IN_CGROUP=1 exec unshare --cgroup "$0" "$@"
fi

new=$state/root/new
mount --make-rprivate /
mount -t tmpfs -o mode=0755 exhibit "$state/root"
mkdir "$state/root/upper" "$state/root/work" "$new"
mount -t overlay -o "lowerdir=$rootfs,upperdir=$state/root/upper,workdir=$state/root/work" exhibit "$new"

mount -t proc proc "$new/proc"
mount -t sysfs sysfs "$new/sys"
mount_cgroups "$new/sys/fs/cgroup"
mount --bind /dev "$new/dev"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$new/dev/pts"
mount --bind "$new/dev/pts/ptmx" "$new/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$new/dev/shm"
mount -t tmpfs -o mode=0755 tmpfs "$new/run"
mount -t tmpfs -o mode=1777 tmpfs "$new/tmp"
# Overlays cannot be an overlay's upper layer: what holds containers' layers is a filesystem of its own.
for folder in containerd containers etcd kubelet; do
  mkdir -p "$new/var/lib/$folder"
  mount -t tmpfs -o mode=0755 tmpfs "$new/var/lib/$folder"
done

shift 3
for bind in "$@"; do
  source=${bind%%:*} target=$new${bind#*:}
  mkdir -p "$(dirname "$target")"
  if [ -d "$source" ]; then mkdir -p "$target"; else touch "$target"; fi
  mount --bind "$source" "$target"
  # All but the node's own files belongs to the host.
  case $source in "$state"/*) ;; *) mount -o remount,bind,ro "$target" ;; esac
done

# Nobody may enter before the root has changed: the news goes out through a file of the old root.
exec 4>"$state/ready"
cd "$new"
pivot_root . .
umount -l .
exec >/dev/null 2>&1
echo ready >&4
exec 4>&-
exec chroot . /bin/sh -c 'sleep infinity & while wait $!; do :; done'
