# locked FOLDER SECONDS WORDS: one of us at a time; where another one goes on for so long, fails with these words, as
# files.sh does. The lock ends with the script, and what goes on after it is started with 9<&-. Where flock is missing,
# nothing waits.

locked() {
    (umask 022 && mkdir -p "$1") || fail "can't make the folder $1"
    command -v flock >/dev/null || return 0
    exec 9<"$1"
    waited=0
    until flock -n 9; do
        [ "$waited" -lt "$2" ] || fail "$3, for $waited s now"
        sleep 1
        waited=$((waited + 1))
    done
}
