# home_of: where a user's home is; homes_of: those of many, a line each; as: run a text of shell as whose place it is.

home_of() {
    [ -n "$1" ] || return 0
    account "$1" | cut -d : -f 6
}

homes_of() {
    printf '%s\n' "$1" | while read -r user; do home_of "$user"; done
}

# account NAME|NUMBER: the user's line, as passwd(5) has it
account() {
    { getent passwd "$1" 2>/dev/null || grep -e "^$1:" -e "^[^:]*:[^:]*:$1:" /etc/passwd; } | head -n 1
}

# as WHOSE FILE TEXT WORD...: the text, with FILE as standard input and these words as $1...; WHOSE is root, or a user. A
# user can hold us up no longer than 25 s, sees nothing of ours (no lock, no environment, no folder), and what is printed
# is the user's word, up to 64 KiB: that it went well is only told by what the text prints at its end.
as() {
    user=$1 file=$2 text=$3
    shift 3
    if [ "$user" = root ]; then
        sh -c "$text" sh "$@" <"$file"
        return
    fi
    IFS=: read -r user _ uid gid _ home _ <<LINE
$(account "$user" | grep . || echo "$user::$user:65534::/:")
LINE
    if setpriv --reuid=0 true 2>/dev/null; then
        id "$user" >/dev/null 2>&1 && groups=--init-groups || groups=--clear-groups
        set -- setpriv --reuid="$uid" --regid="$gid" "$groups" sh -c "$text" sh "$@"
    else
        set -- su -s /bin/sh "$user" -c "$text" sh "$@"
    fi
    # what a shell says of a process that was killed is nobody's concern
    {
        (cd / && exec env -i PATH="$PATH" LC_ALL=C HOME="$home" timeout -k 2 20 "$@") \
            <"$file" 2>&1 3>&- 8<&- 9<&- | timeout 25 head -c 65536
    } 2>/dev/null
}
