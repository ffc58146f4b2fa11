# home_of: where a user's home is; as: run a command as a user, whose files stay the user's own.

home_of() {
    [ -n "$1" ] || return 0
    { getent passwd "$1" 2>/dev/null || grep "^$1:" /etc/passwd; } | head -n 1 | cut -d : -f 6
}

as() {
    user=$1
    shift
    command=
    for word in "$@"; do command="$command '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"; done
    su -s /bin/sh "$user" -c "$command" </dev/null 2>&1
}
