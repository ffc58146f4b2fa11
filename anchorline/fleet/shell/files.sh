# The files that a script puts in their places, all or none, and the one way to fail.
# receive: read files from standard input into temporary files beside their places; place: move them there.
# "@ MODE PATH" (as words.sh writes it), its lines, the next file, "@ end". Without "@ end" (the connection broke) nothing is placed.
# What goes into a place of a user's own waits in a folder of ours, and that user puts it there. Where that can't be done, the
# user alone is harmed: place prints `passed PATH: CAUSE`, and goes on.
# (printf and not `:`, whose failed redirection would end the shell before it can say why: it is a special built-in.)

received=''
fresh=.anchorline-new
others=''

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
                case $path in *\\*) path=$(printf %b "$path") ;; esac
                whose "${path%/*}"
                [ -n "$whose" ] || not_ours "$path"
                if [ "$whose" != root ]; then
                    [ -n "$others" ] || others=$(mktemp -d) || fail "can't make a temporary folder"
                    exec 3>>"$others/$whose"
                    printf '@ %s %s\n' "$mode" "$path" >&3 || fail "can't write $others"
                    continue
                fi
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

# what is replaced keeps its owner, and what is new gets its folder's.
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
    [ -z "$others" ] || for each in "$others"/*; do
        # whatever lies there: no link leads anywhere that the user couldn't go
        said=$(as "${each##*/}" "$each" '
            umask 022
            while IFS= read -r line; do
                case $line in
                    "@ "*)
                        rest=${line#@ } path=${rest#* }
                        [ ! -d "$path" ] || { echo "it is a folder" && exit; }
                        mkdir -p "${path%/*}" && rm -f "$path$1" || exit
                        exec 3>"$path$1" && chmod "${rest%% *}" "$path$1" || exit
                        all="$all$path
"
                        ;;
                    *) printf "%s\n" "$line" >&3 || exit ;;
                esac
            done
            printf %s "$all" | while read -r path; do mv -f "$path$1" "$path" || exit; done && echo placed' "$fresh")
        [ "$said" = placed ] || passed "$(sed -n '1s/^@ [^ ]* //p' "$each")" "$said"
    done
    forget_others
}

# passed PATH SAID: what a user hindered
passed() {
    tell passed "$1: $(printf '%s\n' "$2" | tail -n 1)"
}

not_ours() {
    fail "$1: others than root can change $blame: chown root and chmod go-w it, and run again"
}

forget_others() {
    [ -z "$others" ] || rm -rf "$others"
    others=''
}

forget() {
    forget_others
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
