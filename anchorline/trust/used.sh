# used: whether one of $1's words, joined by commas, is a command in the PATH or a path that exists; home_of, as: users;
# ours: a file in a place that others use too, whose first line tells whose it is.

used() {
    IFS=,
    set -- $1
    unset IFS
    for word in "$@"; do
        case $word in
            /*) [ ! -e "$word" ] || return 0 ;;
            *) ! command -v "$word" >/dev/null || return 0 ;;
        esac
    done
    return 1
}

home_of() {
    [ -n "$1" ] || return 0
    { getent passwd "$1" 2>/dev/null || grep "^$1:" /etc/passwd; } | head -n 1 | cut -d : -f 6
}

# run a command as a user, whose files stay the user's own
as() {
    user=$1
    shift
    command=
    for word in "$@"; do command="$command '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"; done
    su -s /bin/sh "$user" -c "$command" </dev/null 2>&1
}

# a file of ours: file SHA256 PATH (from standard input, since sha256sum escapes odd names)
file() {
    [ -f "$1" ] || return 0
    set -- "$1" $(sha256sum <"$1")
    [ -z "$2" ] || printf 'file %s %s\n' "$2" "$1"
}

ours() {
    [ -e "$1" ] || return 0
    first=
    IFS= read -r first 2>/dev/null <"$1"
    case $first in
        "# anchorline $site") file "$1" ;;
        *) printf 'foreign %s\n' "$1" ;;
    esac
}
