#!/bin/sh
# keeper.sh STATE CGROUP ROOTFS [BIND...]: starts the sandbox, outlives it, clears away what it leaves.
#
# Who ends with whom: the driver's end closes our input, and we kill the sandbox, unless it said "detach". Our end kills
# `unshare` (setpriv --pdeathsig), whose end kills the sandbox's first process (--kill-child), with which the kernel
# ends the whole PID namespace; the mounts and the network go with the last process of their namespaces.
set -u
state=$1 cgroup=$2
here=$(dirname "$0")
exec 3<&0
setpriv --pdeathsig KILL unshare --mount --net --pid --uts --ipc --fork --kill-child=KILL \
  "$here/init.sh" "$@" </dev/null 3<&- &
sandbox=$!
end_sandbox() {
  # Its first process rather than `unshare`, which then reaps it; `unshare` if there is no first process yet.
  first=
  [ -s "$state/init.stat" ] && read -r first _ <"$state/init.stat"
  kill -KILL "${first:-$sandbox}"
}
{ read -r word <&3; [ "$word" = detach ] || end_sandbox; } &
watcher=$!
wait $sandbox
kill $watcher 2>/dev/null
"$here/clear.sh" "$state" "$cgroup"
