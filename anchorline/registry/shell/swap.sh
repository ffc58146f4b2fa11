# What a step does (do_STEP), and its way back (undo_STEP); what a power failure left is healed first.
# From control: $name, $site, $create (the arguments that make the container, a line each), $drain, $patience.

: "${name?}"
: "${site?}"
: "${create?}"
: "${drain?}"
: "${patience?}"

do_write() { lay_out; }
undo_write() { put_back; }

# since the look a run that control was cut off from may have made it: then it is replaced
do_create() {
    # shellcheck disable=SC2046  # NAME STATE ID SITE DIGEST
    set -- $(container_labels "$name")
    if [ "${4-}" = "$site" ]; then do_replace; else make; fi
}
undo_create() { undo_replace; }

do_replace() {
    there=yes
    container_exists "$name" || there=''
    go_on
    if [ -n "$there" ]; then
        container_rename "$name" "$name-before" >/dev/null || fall 'setting the old container aside' "it can't be renamed"
        set_aside=yes
        hold
        stopped=yes
        container_stop "$name-before" $((drain + 5)) >/dev/null
        go_on
    fi
    make
    [ -z "$set_aside" ] || reopen
}
undo_replace() {
    [ -z "$made" ] || container_remove "$name" >/dev/null
    [ -n "$set_aside" ] || return 0
    hold
    container_rename "$name-before" "$name" >/dev/null
    # which also waits for a stop that goes on without us
    [ -z "$stopped" ] || container_restart "$name" $((drain + 5)) >/dev/null
    printf 'undone: the container that was there before serves again; ' >>"$story"
}

do_restart() {
    hold
    container_restart "$name" $((drain + 5)) >/dev/null
    reopen
}
undo_restart() {
    hold
    container_restart "$name" "$patience" >/dev/null
    printf 'undone: it serves with the files of before again; ' >>"$story"
}

# one that isn't found healthy may serve in spite of it: it isn't stopped
do_start() { container_start "$name" >/dev/null; }
undo_start() { :; }

make() {
    take_data
    label='' without='^--log-opt='
    case $(getenforce 2>/dev/null) in Enforcing | Permissive) label=Z ;; esac
    # other drivers refuse these options
    case $(log_driver) in json-file | local) without='^$' ;; esac
    set -f
    IFS='
'
    # shellcheck disable=SC2046  # a word for each line, with neither patterns nor blanks as separators
    set -- $(printf '%s\n' "$create" | sed "/$without/d; s/:ro@Z\$/:ro${label:+,$label}/; s/@Z\$/${label:+:$label}/")
    unset IFS
    set +f
    # a subshell that a signal ends would leave the runtime at work
    said=$(trap '' TERM INT; container_create "$name" "$@") || fall 'creating the container' "$said"
    made=yes
    go_on
    said=$(trap '' TERM INT; container_start "$name") || fall 'starting the container' "$said"
}

# what was cut off by a power failure: back to what was before a replacement; what else was kept stays until all is well
heal() {
    sweep
    container_exists "$name-before" || return 0
    container_remove "$name" >/dev/null
    container_rename "$name-before" "$name" >/dev/null
    put_back
}
