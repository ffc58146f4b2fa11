# home_of: where a user's home is; homes_of: those of many, a line each; as: run a command as a user, whose files stay
# the user's own.

home_of() {
    [ -n "$1" ] || return 0
    { getent passwd "$1" 2>/dev/null || grep "^$1:" /etc/passwd; } | head -n 1 | cut -d : -f 6
}

homes_of() {
    printf '%s\n' "$1" | while read -r user; do home_of "$user"; done
}

as() {
    user=$1
    shift
    command=
    for word in "$@"; do command="$command '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"; done
    su -s /bin/sh "$user" -c "$command" </dev/null 2>&1
}
