# What older versions, without a table and a lock of each site's own, have on a host while they work, and may leave
# behind: they lock the site's folder, where anybody may, and all sites share one table of nft.
# From control: $state, $port.

: "${state?}"
: "${port?}"

# one of their scripts is at work: as root, with the folder as its descriptor 9
older_runs() {
    for each in /proc/[0-9]*/fd/9; do
        [ "$(readlink "$each" 2>/dev/null)" = "$state" ] && [ "$(stat -Lc %u "${each%/fd/9}" 2>/dev/null)" = 0 ] && return
    done
    return 1
}

# Their table goes where no script of theirs can mean it: one that holds a port makes the table with the port in it,
# so that an empty one has been let go; and of this site, whose port it may hold, none is at work. With other ports alone
# it is another site's, and ends by itself within the minute.
lift_older() {
    [ -x "$(command -v nft)" ] && said=$(nft -n list table inet anchorline 2>/dev/null) || return 0
    ports=$(printf '%s\n' "$said" | sed -n 's/.*elements = {//p' | sed 's|[,}]|\n|g' | awk 'NF { print $1 }')
    if [ -z "$ports" ] || printf '%s\n' "$ports" | grep -qx "$port"; then
        nft delete table inet anchorline 2>/dev/null
    fi
}
