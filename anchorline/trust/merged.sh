# Files of others that we write our entry to. From control: $unchanged (what they were when they were looked at: SHA-256,
# or - for one that wasn't there, and the path), $merged (the paths that get our entry).

as_they_were() {
    printf '%s\n' "$unchanged" | while read -r digest path; do
        [ -z "$path" ] || case $digest in
            -) [ ! -e "$path" ] ;;
            *) [ "$(sha256sum <"$path" 2>/dev/null | cut -d ' ' -f 1)" = "$digest" ] ;;
        esac || fail "$path changed since it was looked at; run again"
    done || exit 1
}

# a link stays one: what it leads to is changed
through_links() {
    received=$(printf '%s' "$received" | while read -r mode path; do
        if [ -L "$path" ] && printf '%s\n' "$merged" | grep -qxF "$path"; then
            real=$(readlink -f "$path") && mv -f "$path$fresh" "$real$fresh" || fail "can't write what $path leads to"
            path=$real
        fi
        printf '%s %s\n' "$mode" "$path"
    done) || exit 1
}

# once, as it was before us
backed_up() {
    printf '%s\n' "$merged" | while read -r path; do
        [ ! -f "$path" ] || [ -e "$path.anchorline-backup" ] || cp -p "$path" "$path.anchorline-backup" ||
            fail "can't write $path.anchorline-backup"
    done || exit 1
}
