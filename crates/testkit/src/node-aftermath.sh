# What a node leaves beside processes, mounts and its directory. The kernel
# takes a moment to bury the processes, and a group with one left stays.
tries=0
while [ -e "/sys/class/net/$id" ] ||
    [ -n "$(find /sys/fs/cgroup -maxdepth 2 -type d -name "$id" -print -quit)" ]; do
    for port in "/sys/class/net/$id/brif"/*; do
        [ ! -e "$port" ] || ip link delete "${port##*/}"
    done
    [ ! -e "/sys/class/net/$id" ] || ip link delete "$id"
    find /sys/fs/cgroup -depth -type d -path "*/$id*" -exec rmdir {} +
    [ "$((tries += 1))" -lt 200 ] || break
    sleep 0.05
done
