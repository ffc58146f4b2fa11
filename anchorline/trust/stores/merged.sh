# Files of others that we write our entry to, or take it out of. From control: $unchanged (what they were when they were
# looked at: SHA-256, or - for one that wasn't there, and the path). Links are followed where only root can set them.
: "${unchanged?}"

as_they_were() {
    printf '%s\n' "$unchanged" | while read -r digest path; do
        [ -n "$path" ] || continue
        surely "$path" || not_ours "$path"
        case $digest in
            -) [ ! -e "$path" ] ;;
            *) [ "$(sha256sum <"$path" 2>/dev/null | cut -d ' ' -f 1)" = "$digest" ] ;;
        esac || fail "$path changed since it was looked at; run again"
    done || exit 1
}

# where a file of others is: a link stays one, and what it leads to is changed
followed() {
    if [ -L "$1" ] && printf '%s\n' "$unchanged" | cut -d ' ' -f 2- | grep -qxF "$1"; then
        readlink -f "$1"
    else
        printf '%s\n' "$1"
    fi
}

# what was received comes beside where it goes; two links may lead to one file, which both write alike
through_links() {
    all=$received received=
    while read -r mode path; do
        [ -n "$path" ] || continue
        real=$(followed "$path")
        if [ "$real" != "$path" ]; then
            cmp -s "$path$fresh" "$real$fresh" 2>/dev/null && rm -f "$path$fresh" && continue
            [ ! -e "$real$fresh" ] && mv -f "$path$fresh" "$real$fresh" || {
                received=$received$all
                fail "can't write $path, which leads to $real"
            }
        fi
        received="$received$mode $real
"
    done <<LIST || fail "can't read the list of files"
$all
LIST
}
