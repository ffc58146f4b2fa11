# hosts_entry: the site's line in the hosts file becomes $hosts_line, or goes where that is empty. What others wrote in
# there stays, and so do its owner and mode. From control: $hosts (the file), $hosts_line, $site.
: "${hosts?}"
: "${hosts_line?}"
: "${site?}"

hosts_entry() {
    surely "$hosts" || not_ours "$hosts"
    etc_hosts=$(readlink -f "$hosts")
    from=/dev/null
    [ ! -e "$etc_hosts" ] || from=$etc_hosts
    received="$(stat -c %a "$etc_hosts" 2>/dev/null || echo 644) $etc_hosts
"
    cp -p "$from" "$etc_hosts$fresh" 2>/dev/null
    awk -v ours="# anchorline $site" -v line="$hosts_line" '
        substr($0, length($0) - length(ours) + 1) != ours { print }
        END { if (line != "") print line " " ours }
    ' "$from" >"$etc_hosts$fresh" || fail "can't write $etc_hosts"
    place
}
