# What tells a machine or a container from every other: proc(5), namespaces(7). It changes with a boot.

cat /proc/sys/kernel/random/boot_id
readlink /proc/self/ns/mnt
ls -di /
