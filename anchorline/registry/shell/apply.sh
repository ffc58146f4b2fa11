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
    # bash has a subshell that a signal ends take this way as well
    read -r self _ </proc/self/stat
    [ "$self" = $$ ] || exit "$code"
    trap '' EXIT TERM INT
    [ -z "$well" ] || exit 0
    [ "$code" != 0 ] || code=1
    forget
    [ -z "$archive" ] || rm -f "$archive"
    for step in $begun; do
        "undo_$step"
    done
    release
    rm -rf "$kept$fresh"
    cat "$story" "$story.cause" >&2 2>/dev/null
    rm -rf "$scratch"
    exit "$code"
}

# A signal leaves word (mind_signals), and go_on ends where it is known what to undo: a trap that exits may come in the
# middle of the way back, or before it is noted how far the way was
mind_signals() {
    trap 'ended=143' TERM
    trap 'ended=130' INT
}

main() {
    trap '' HUP PIPE
    begun='' ran='' holding='' set_aside='' stopped='' made='' ended='' well=''
    umask 022
    # before there is anything to undo: that would be the other run's. One that was cut off from control goes on to its end
    locked "$lock" "$state" $((drain + 2 * patience)) 'another run is changing the registry of this host'
    scratch=$(mktemp -d) || fail "can't make a temporary folder"
    story=$scratch/story
    trap undo EXIT
    mind_signals
    # whoever held the port under this lock has been killed
    holding=yes
    release
    lift_older
    heal
    go_on
    # nothing is begun, and the connection or a pull may hang
    trap 'exit 143' TERM
    trap 'exit 130' INT
    receive
    umask 022
    get_image
    mind_signals
    for step in $steps; do
        begun="$begun $step"
        [ "$step" = write ] || ran=yes
        "do_$step"
        go_on
    done
    get_healthy
    # nothing is undone any more
    trap '' TERM INT
    begun='' well=yes
    note_data
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
