#!/bin/sh
# clear.sh STATE CGROUP: removes the files and the cgroups of a sandbox that has ended.
# The kernel lets go of a cgroup a moment after its last process: hence the tries.
state=$1 cgroup=$2
for try in 1 2 3 4 5 6 7 8 9 10; do
  for path in /sys/fs/cgroup/"$cgroup" /sys/fs/cgroup/*/"$cgroup"; do
    [ -d "$path" ] && find "$path" -depth -type d -exec rmdir {} + 2>/dev/null
    [ -d "$path" ] && left=1
  done
  [ "${left:-}" ] || break
  left=
  sleep 0.2
done
parent=$(dirname "$cgroup")
rmdir /sys/fs/cgroup/"$parent" /sys/fs/cgroup/*/"$parent" 2>/dev/null
rm -rf --one-file-system "$state"
