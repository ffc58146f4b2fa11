# What older versions, without a table of each site's own, may leave behind: all sites share one table of nft.
# From control: $port.

: "${port?}"

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
