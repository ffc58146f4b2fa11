# hosts_entry: the site's line in the hosts file becomes $hosts_line, or goes where that is empty. What others wrote in
# there stays, and so do its owner and mode. From control: $hosts (the file), $hosts_line, $site.

hosts_entry() {
    hosts=$(readlink -f "$hosts")
    [ -e "$hosts" ] && from=$hosts || from=/dev/null
    received="$(stat -c %a "$hosts" 2>/dev/null || echo 644) $hosts
"
    cp -p "$from" "$hosts$fresh" 2>/dev/null
    awk -v ours="# anchorline $site" -v line="$hosts_line" '
        substr($0, length($0) - length(ours) + 1) != ours { print }
        END { if (line != "") print line " " ours }
    ' "$from" >"$hosts$fresh" || fail "can't write $hosts"
    place
}
