# Who must read a file of ours, or the bundle, and is denied it: by a mode on the way to it, or by SELinux's label.
# Changes nothing. From control: $guarded (a line each: WHOSE RIGHTS PATTERN; r is a file, l a file in a folder that must
# be listed), $container, $folder and $data (what it writes to) of the registry where it is this host's (else empty).
: "${guarded?}"
: "${container?}"
: "${folder?}"
: "${data?}"

# denied_by WHOSE UID GID NEEDED PATH: the first thing on the way that lacks a right for that user (- for whoever it is)
denied_by() {
    path=$(readlink -f "$5")
    as="$1 $2 $3" needed=$4
    way=${path%/*}
    set --
    while [ -n "$way" ]; do
        set -- "$way" "$@"
        way=${way%/*}
    done
    { [ $# = 0 ] || stat -Lc 'x %a %u %g %U %n' "$@"; stat -Lc "$needed %a %u %g %U %n" "$path"; } 2>/dev/null |
        awk -v as="$as" 'BEGIN { split(as, who, " ") } {
            digits = sprintf("%04d", $2)
            digit = substr(digits, $3 == who[2] ? 2 : $4 == who[3] ? 3 : 4, 1)
            lacks = ""
            for (i = split("r4 w2 x1", bits, " "); i > 0; i--) {
                right = substr(bits[i], 1, 1)
                if (index($1, right) && int(digit / substr(bits[i], 2)) % 2 == 0) lacks = right lacks
            }
            if (lacks == "") next
            mode = $2; owner = $5
            sub(/^[^ ]* [^ ]* [^ ]* [^ ]* [^ ]* /, "")
            print "denied", who[1], lacks, mode, owner, $0
            exit
        }' | tell_each | grep .
}

# what restorecon would change, in its words of today and in those of RHEL 7; container_file_t it leaves alone
mislabelled() {
    restorecon -n -v "$2" 2>/dev/null | sed -n \
        -e "s/^Would relabel \(.*\) from \([^ ]*\) to \([^ ]*\)\$/label $1 \2 \3 \1/p" \
        -e "s/^restorecon reset \(.*\) context \([^ ]*\)->\([^ ]*\)\$/label $1 \2 \3 \1/p" | tell_each
}

enforcing=$(getenforce 2>/dev/null | grep -x Enforcing)

printf '%s\n' "$guarded" | while read -r whose rights pattern; do
    for each in $pattern; do
        [ -e "$each" ] || continue
        { [ "$rights" = l ] && denied_by "$whose" - - rx "${each%/*}"; } || denied_by "$whose" - - r "$each"
        [ -z "$enforcing" ] || mislabelled "$whose" "$(readlink -f "$each")"
    done
done

# root in the container reads all; another user, where it is given by number, reads what the modes let it
if [ -n "$container" ]; then
    docker inspect --format '{{.Config.User}} {{.MountLabel}}' "$container" 2>/dev/null | while read -r user label; do
        case $user in *_u:*) label=$user user='' ;; esac
        uid=${user%%:*} gid=0
        case $user in *:*) gid=${user#*:} ;; esac
        case $uid$gid in
            *[!0-9]*) ;;
            *)
                if [ "${uid:-0}" != 0 ]; then
                    echo "reader $uid:$gid"
                    denied_by registry "$uid" "$gid" rx "$folder" ||
                        for each in "$folder"/*.pem "$folder/config.yml"; do
                            [ ! -e "$each" ] || ! denied_by registry "$uid" "$gid" r "$each" || break
                        done
                    denied_by registry "$uid" "$gid" rwx "$data"
                fi ;;
        esac
        [ -n "$enforcing" ] && [ -n "$label" ] || break
        for each in "$folder" "$folder"/*.pem "$data"; do
            has=$(stat -c %C "$each" 2>/dev/null) || continue
            [ "$(echo "$has" | cut -d : -f 3)" = "$(echo "$label" | cut -d : -f 3)" ] ||
                tell label registry "$has" "$label" "$each"
        done
    done
fi
