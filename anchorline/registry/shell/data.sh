# The data folder and the mark in it, which says whose it is. Both are root's, and the container has a folder below alone;
# but one that an older version made has the whole of it, so that what the mark is isn't taken on trust.
# From control: $data, $folder. The host itself keeps `data` there: what tells the folder from another one.

: "${data?}"
: "${folder?}"

mark=$data/.anchorline
noted=$folder/data

# the mark is root's own plain file; and the folder is root's, once it has been taken over
marked() {
    [ -f "$mark" ] && [ ! -L "$mark" ] || return
    # shellcheck disable=SC2046  # numbers: our own, then owner, links, device and inode of the folder and of the mark
    set -- "$(id -u)" $(stat -c '%u %h %d %i' "$data/." "$mark" 2>/dev/null)
    [ $# = 9 ] && [ "$6 $7" = "$1 1" ] || return
    inodes="$5 $9" device=$4
    read -r boot </proc/sys/kernel/random/boot_id
    [ ! -e "$noted" ] || [ "$2" = "$1" ]
}

# whether it is the one that was noted, by inodes; a device has the same number until the next boot alone
as_noted() {
    read -r was <"$noted"
    case $was in
        "$inodes $device $boot") ;;
        *" $boot") return 1 ;;
        "$inodes "*) ;;
        *) return 1 ;;
    esac
}

# the site that the mark names
owner() { timeout 5 head -c 64 "$mark" 2>/dev/null | sed -n '1s/^[a-z0-9-]\{1,40\}$/&/p'; }

# free, file (no folder), foreign, forged, another (than was noted), or of SITE
whose_data() {
    if [ -e "$data" ] && [ ! -d "$data" ]; then echo file
    elif [ -e "$mark" ] || [ -L "$mark" ]; then
        if ! marked; then echo forged
        elif [ -e "$noted" ] && ! as_noted; then echo another
        else echo "of $(owner)"; fi
    elif [ -e "$noted" ]; then echo another
    elif find "$data/." ! -name . -prune 2>/dev/null | head -n 1 | grep -q .; then echo foreign
    else echo free; fi
}
