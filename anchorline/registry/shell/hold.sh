# hold: new connections wait instead of being refused. What opens one (a SYN) is dropped, and TCP sends it again after
# 1, 3 and 7 s. Running ones go on. The entry ends by itself, should this script be killed. Of the host's own connections
# only those to its own addresses wait, so that the runtime's proxy finds the new container.
# reopen: lets them in as soon as somebody listens, and prints how long none was let in, in milliseconds.
# From control: $table (of this site and instance alone), $name, $port, $inside (the port in the container), $drain,
# $patience.

: "${table?}"
: "${name?}"
: "${port?}"
: "${inside?}"
: "${drain?}"
: "${patience?}"

hold() {
    holding=
    [ -x "$(command -v nft)" ] && nft -f - 2>/dev/null <<END && holding=yes
add table inet $table
delete table inet $table
table inet $table {
    set holding { type inet_service; flags timeout; }
    chain arriving {
        type filter hook prerouting priority -350;
        fib daddr type local tcp flags & (syn | ack) == syn tcp dport @holding drop
    }
    chain leaving {
        type filter hook output priority -350;
        fib daddr type local tcp flags & (syn | ack) == syn tcp dport @holding drop
    }
}
add element inet $table holding { $port timeout $((drain + patience))s }
END
    began=$(milliseconds)
}

release() {
    [ -z "$holding" ] || nft delete table inet "$table" 2>/dev/null
    holding=
}

# without a connection: whether a process in the container listens
listens() {
    pid=$(container_pid "$name")
    [ "${pid:-0}" != 0 ] && listening "$inside" "/proc/$pid/net"
}

reopen() {
    deadline=$(($(date +%s) + patience))
    until listens || hopeless; do
        sleep 0.05
    done
    echo "${holding:-no} $(($(milliseconds) - began))" | sed 's/^yes/waited/; s/^no/refused/'
    release
}
