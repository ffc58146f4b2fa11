# get_healthy: wait until $name is well and serves $leaf, or end with what it says (fall) where there is no use in waiting.
# From control: $name, $image, $data, $folder, $port, $leaf, $patience (seconds to get healthy).

: "${name?}"
: "${image?}"
: "${data?}"
: "${folder?}"
: "${port?}"
: "${leaf?}"
: "${patience?}"

# curl's exit code for a certificate that nobody vouches for, and healthy's: it doesn't get better by itself
untrusted=60

# end here, where a signal has left word
go_on() {
    [ -n "$ended" ] || return 0
    echo 'a signal ended it' >"$story.cause"
    exit "$ended"
}

# whether there is no use in waiting: a signal has come, the time is over, or the container ends again and again ($status tells its state)
hopeless() {
    [ -z "$ended" ] || return 0
    # shellcheck disable=SC2046  # the state and the number are two words
    set -- $(container_state "$name")
    status=$1
    case $1 in running | restarting) [ "$2" -ge 3 ] || [ "$(date +%s)" -ge "$deadline" ] ;; esac
}

get_healthy() {
    deadline=$(($(date +%s) + patience))
    while :; do
        go_on
        health=$(healthy)
        came=$?
        if [ "$came" = 0 ]; then
            case $health in
                "ok $leaf" | 'ok ') return ;;
                *) health="it serves the certificate ${health#ok }, not $leaf" ;;
            esac
        fi
        ! hopeless && [ "$came" != "$untrusted" ] || fall "$name didn't get healthy (container $status)" "$health"
        sleep 0.3
    done
}

# what a failure is called, from what the runtime and the registry say of it
cause() {
    case $1 in
        *'address already in use'* | *'port is already allocated'*)
            echo "port $port is taken: stop who listens there, or change registry: {listen: ...}" ;;
        *'pull access denied'* | *'manifest unknown'* | *'No such image'* | *'no such host'* | *'i/o timeout'* | *'not found: manifest'*)
            echo "the image $image isn't on this host and can't be pulled: give registry: {archive: FILE}" ;;
        *server.pem* | *server-key.pem* | *'tls: '*)
            echo "the registry can't read its certificate or key in $folder" ;;
        *'no space left'*)
            echo "the disk of $data is full" ;;
        *'/var/lib/registry'*'permission denied'* | *'/var/lib/registry'*'read-only'*)
            echo "the data folder $data isn't writable for the container" ;;
        *'configuration'*)
            echo "this image doesn't take our configuration; registry 2.7, 2.8 and 3 do" ;;
        *)
            printf '%s\n' "$1" | tail -n 1 ;;
    esac
}

# end here: $1 failed, and $2 is what was said of it; the log of a container that we began goes before the cause
fall() {
    go_on
    said=$2
    if [ -n "$ran" ] && container_exists "$name"; then
        log=$(container_logs "$name" 15)
        printf '%s\n' "$log" | sed 's/^/log: /' >>"$story"
        said="$2
$log"
    fi
    printf '%s: %s\n' "$1" "$(cause "$said")" >"$story.cause"
    exit 1
}
