# Functions of init.sh for the host's kinds of cgroups: v2 alone, or v1 with or without v2 beside it ("hybrid").
# v2 alone follows cgroups(7) and the kernel's cgroup-v2.rst; the machines that this was run on had hybrid ones.

v2_alone() { [ -e /sys/fs/cgroup/cgroup.controllers ]; }

# enter_cgroup CGROUP: makes it in every hierarchy and moves there.
enter_cgroup() {
  if v2_alone; then
    mkdir -p "/sys/fs/cgroup/$1"
    pass_controllers_on /sys/fs/cgroup
    pass_controllers_on "/sys/fs/cgroup/$(dirname "$1")"
    echo 0 >"/sys/fs/cgroup/$1/cgroup.procs"
    return
  fi
  for procs in /sys/fs/cgroup/*/cgroup.procs; do
    hierarchy=$(dirname "$procs")
    mkdir -p "$hierarchy/$1"
    # A v1 cpuset takes no process before it has processors and memory nodes.
    for file in cpuset.cpus cpuset.mems; do
      [ -e "$hierarchy/$file" ] || continue
      cat "$hierarchy/$file" >"$hierarchy/$(dirname "$1")/$file"
      cat "$hierarchy/$file" >"$hierarchy/$1/$file"
    done
    echo 0 >"$hierarchy/$1/cgroup.procs"
  done
}

# mount_cgroups ROOT: mounts in ROOT what the cgroup namespace shows of the hierarchies.
mount_cgroups() {
  if v2_alone; then
    mount -t cgroup2 cgroup2 "$1"
    # A cgroup that passes controllers on may hold no processes of its own.
    mkdir "$1/init"
    echo 0 >"$1/init/cgroup.procs"
    pass_controllers_on "$1"
    return
  fi
  mount -t tmpfs tmpfs "$1"
  while IFS=: read -r _ controllers _; do
    folder=$1/${controllers#name=}
    case $controllers in
      '') mkdir "$1/unified" && mount -t cgroup2 cgroup2 "$1/unified" ;;
      *) mkdir "$folder" && mount -t cgroup -o "$controllers" cgroup "$folder" ;;
    esac
  done </proc/self/cgroup
}

# pass_controllers_on CGROUP: its children get all the controllers that it has.
pass_controllers_on() {
  sed 's/\</+/g' "$1/cgroup.controllers" >"$1/cgroup.subtree_control"
}
