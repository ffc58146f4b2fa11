# Bring an instance to what is wanted, or leave it as it was. One script, so that a connection that drops in its middle
# changes nothing about how it ends: it ignores the hang-up and undoes by itself what didn't get healthy.
# From control: $steps (a line each, of those in swap.sh), $site, $state, $lock, and what the files before this one want.
# Prints how long new connections waited or were refused.

: "${steps?}"
: "${site?}"
: "${state?}"
: "${lock?}"
: "${name?}"
: "${folder?}"
: "${archive?}"
: "${drain?}"
: "${patience?}"

# whatever went wrong: each step that was begun goes its way back, in the order in which they were begun; so the files
# of before are there when their container starts
undo() {
    code=$?
    trap '' EXIT TERM INT
    [ "$code" != 0 ] || exit 0
    forget
    [ -z "$archive" ] || rm -f "$archive"
    for step in $begun; do
        "undo_$step"
    done
    release
    cat "$story" "$story.cause" >&2 2>/dev/null
    rm -rf "$scratch"
    exit "$code"
}

# before there is anything to undo: that would be the other run's. One that was cut off from control goes on to its end
alone() {
    { mkdir -p "$state" && (umask 077; : >>"$lock") && exec 9<"$lock" 8<"$state"; } ||
        fail "can't make the folder $state"
    waited=0
    ! command -v flock >/dev/null || until flock -n 9 && { flock -n 8 || ! older_runs; }; do
        [ "$waited" -lt $((drain + 2 * patience)) ] ||
            fail "another run is changing the registry of this host, for $waited s now"
        sleep 1
        waited=$((waited + 1))
    done
}

main() {
    trap '' HUP PIPE
    begun='' ran='' holding='' set_aside='' made=''
    umask 022
    alone
    scratch=$(mktemp -d) || fail "can't make a temporary folder"
    story=$scratch/story
    trap undo EXIT
    trap 'exit 143' TERM
    trap 'exit 130' INT
    # whoever held the port under this lock has been killed
    holding=yes
    release
    lift_older
    heal
    receive
    umask 022
    get_image
    mark_data
    for step in $steps; do
        begun="$begun $step"
        [ "$step" = write ] || ran=yes
        "do_$step"
    done
    get_healthy
    begun=''
    container_remove "$name-before" >/dev/null
    rm -rf "$kept" "$scratch"
    # last: without it the next run begins again, so what is kept is never older than what runs
    if [ -n "$ran" ] || ! grep -q '^started-at ' "$folder/started" 2>/dev/null; then
        note_start "$(container_began "$name")"
    fi
    lift_older
    logger -t anchorline "site $site: registry ${steps##*
}" 2>/dev/null
    exit 0
}
main
