# The files that a script puts in their places, all or none, and the one way to fail.
# receive: read files from standard input into temporary files beside their places; place: move them there.
# "@ MODE PATH", its lines, the next file, "@ end". Without "@ end" (the connection broke) nothing is placed.
# (printf and not `:`, whose failed redirection would end the shell before it can say why: it is a special built-in.)

received=''
fresh=.anchorline-new

receive() {
    umask 077
    while IFS= read -r line; do
        case $line in
            '@ end')
                exec 3>&-
                return 0
                ;;
            '@ '*)
                rest=${line#@ } mode=${rest%% *} path=${rest#* }
                [ ! -d "$path" ] || fail "$path is a folder"
                (umask 022 && mkdir -p "${path%/*}") || fail "can't make the folder ${path%/*}"
                received="$received$mode $path
"
                printf '' >"$path$fresh" || fail "can't write $path"
                exec 3>"$path$fresh"
                ;;
            *)
                printf '%s\n' "$line" >&3 || fail "can't write $path"
                ;;
        esac
    done
    fail 'the connection broke before all files had come; nothing was changed'
}

# what is replaced keeps its owner, and what is new gets its folder's: a home's files stay the user's.
# a file that can't be moved over (a bind mount, such as a container's /etc/hosts) is written through
place() {
    while read -r mode path; do
        [ -n "$path" ] || continue
        like=$path
        [ -e "$like" ] || like=${path%/*}
        chown "$(stat -Lc %u:%g "$like")" "$path$fresh" 2>/dev/null
        chmod "$mode" "$path$fresh" && mv -f "$path$fresh" "$path" 2>/dev/null && continue
        [ -f "$path$fresh" ] && cat "$path$fresh" >"$path" && rm -f "$path$fresh" || fail "can't write $path"
    done <<LIST || fail "can't read the list of files"
$received
LIST
}

forget() {
    while read -r mode path; do
        [ -z "$path" ] || rm -f "$path$fresh"
    done <<LIST
$received
LIST
}

# the cause goes last to standard error: the control machine shows it beside the host's name
fail() {
    forget
    printf '%s\n' "$*" >&2
    exit 1
}
