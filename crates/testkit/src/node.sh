# What a node runs, as the first process of namespaces of its own: whoever ends
# it ends every process and every mount below it.
#   DIRECTORY ID GATEWAY/BITS KUBELET [ARGUMENT…]
# ID names the bridge and the control group.
set -eu
dir=$1 id=$2 gateway=$3
shift 3

# The programs keep state in places of the system's that cannot be chosen.
for hidden in /run /var/lib /var/log; do
    mount -t tmpfs -o size=64m tmpfs "$hidden"
done

# The kubelet sets these for the whole machine; it gets copies.
mkdir "$dir/sysctl"
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \
    kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    [ -e "/proc/sys/$name" ] || continue
    copy=$dir/sysctl/${name##*/}
    cat "/proc/sys/$name" >"$copy"
    mount --bind "$copy" "/proc/sys/$name"
done

# Made here, for the plugin that would make it also turns on forwarding.
ip link add "$id" type bridge
ip address add "$gateway" dev "$id"
ip link set "$id" up

if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir "/sys/fs/cgroup/$id"
else
    for hierarchy in /sys/fs/cgroup/*/; do
        [ ! -e "$hierarchy/cgroup.procs" ] || mkdir -p "$hierarchy/$id"
    done
fi

containerd --config "$dir/containerd.toml" >"$dir/containerd.log" 2>&1 &
until [ -e "$dir/kubeconfig" ] && [ -S "$dir/containerd.sock" ]; do
    kill -0 $! || exit 1
    sleep 0.05
done
"$@" >"$dir/kubelet.log" 2>&1 &
# One without the other is of no use.
wait -n
exit 1
