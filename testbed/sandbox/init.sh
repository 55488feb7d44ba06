#!/bin/sh
# init.sh STATE CGROUP ROOTFS [SOURCE:TARGET...]: the sandbox's first process.
# Moves into a cgroup and a cgroup namespace of its own, builds the root filesystem in memory over the shared
# read-only one, moves into it and reaps orphans. Runs in namespaces made by keeper.sh.
set -eu
state=$1 cgroup=$2 rootfs=$3
v2=/sys/fs/cgroup/cgroup.controllers

if [ ! "${IN_CGROUP:-}" ]; then
  # The host's /proc is still mounted: this is our number as the host counts.
  read -r stat </proc/self/stat && echo "$stat" >"$state/init.stat"
  [ -e $v2 ] && hierarchies=/sys/fs/cgroup || hierarchies=$(echo /sys/fs/cgroup/*/cgroup.procs | sed 's,/cgroup.procs,,g')
  for hierarchy in $hierarchies; do
    mkdir -p "$hierarchy/$cgroup"
    # A v1 cpuset takes no process before it has processors and memory nodes.
    for file in cpuset.cpus cpuset.mems; do
      [ -e $v2 ] || [ ! -e "$hierarchy/$file" ] || for level in "$(dirname "$cgroup")" "$cgroup"; do
        cat "$hierarchy/$file" >"$hierarchy/$level/$file"
      done
    done
    echo 0 >"$hierarchy/$cgroup/cgroup.procs"
  done
  IN_CGROUP=1 exec unshare --cgroup "$0" "$@"
fi

mount --make-rprivate /
mount -t tmpfs -o mode=0755 exhibit "$state/root"
mkdir "$state/root/upper" "$state/root/work" "$state/root/new"
new=$state/root/new
mount -t overlay -o "lowerdir=$rootfs,upperdir=$state/root/upper,workdir=$state/root/work" exhibit "$new"

mount -t proc proc "$new/proc"
mount -t sysfs sysfs "$new/sys"
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

if [ -e $v2 ]; then
  mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup"
  mkdir -p "$new/sys/fs/cgroup/init"
  # v2 lets no cgroup have both processes and controllers for its children.
  echo 0 >"$new/sys/fs/cgroup/init/cgroup.procs"
  sed 's/\</+/g' "$new$v2" >"$new/sys/fs/cgroup/cgroup.subtree_control"
else
  mount -t tmpfs tmpfs "$new/sys/fs/cgroup"
  while IFS=: read -r _ controllers _; do
    folder=$new/sys/fs/cgroup/${controllers:+${controllers#name=}}
    [ "$controllers" ] || folder=$new/sys/fs/cgroup/unified
    mkdir "$folder"
    if [ "$controllers" ]; then mount -t cgroup -o "$controllers" cgroup "$folder"; else mount -t cgroup2 cgroup2 "$folder"; fi
  done </proc/self/cgroup
fi

shift 3
for bind in "$@"; do
  source=${bind%%:*} target=$new${bind#*:}
  if [ -d "$source" ]; then mkdir -p "$target"; else mkdir -p "$(dirname "$target")" && touch "$target"; fi
  mount --bind "$source" "$target"
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
