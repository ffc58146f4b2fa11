# locked LOCK FOLDER SECONDS WORDS: one of us at a time; where another one goes on for so long, fails with these words, as
# files.sh does. The lock is a file that only root can open, and ends with the script: what goes on after it is started with
# 8<&- 9<&-. Where flock is missing, nothing waits.
# Older versions lock FOLDER, where anybody may: they are waited for, and it is kept from them, but nobody else is.

locked() {
    waited=0
    until opened "$1" "$2" && { ! command -v flock >/dev/null || taken "$1" "$2"; }; do
        [ "$waited" -lt "$3" ] || fail "$4, for $waited s now"
        sleep 1
        waited=$((waited + 1))
    done
}

# whoever takes the last site away takes the folders too, also between the two of these
opened() {
    for _ in 1 2; do
        (umask 022 && mkdir -p "$2") && (umask 077 && : >>"$1") && command exec 9<"$1" 8<"$2" && return
    done 2>/dev/null
    fail "can't make the folder $2"
}

# the file may have gone while it was waited for, and be another one now
taken() {
    flock -n 9 && [ "$(stat -Lc %d:%i "$1")" = "$(stat -Lc %d:%i /proc/self/fd/9)" ] && { flock -n 8 || ! older_runs "$2"; }
} 2>/dev/null

# a script of an older version is at work: as root, with the folder as its descriptor 9
older_runs() {
    for each in /proc/[0-9]*/fd/9; do
        [ "$(readlink "$each" 2>/dev/null)" = "$1" ] && [ "$(stat -Lc %u "${each%/fd/9}" 2>/dev/null)" = 0 ] && return
    done
    return 1
}
