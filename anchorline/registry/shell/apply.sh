# Bring the registry to what is wanted, or leave it as it was. One script, so that a connection that drops in its
# middle changes nothing about how it ends: it ignores the hang-up and undoes by itself what didn't get healthy.
# From control: $action (create, replace, restart, start), $site, $state, $name, $image, $archive, $data, $create,
# $chain and $leaf (digests of the certificate with and without what stands above it), $drain, $patience (seconds to
# get healthy), $inside (the port in the container), and what health.sh wants. Prints how long new connections waited
# or were refused.

folder=$state/registry
kept=$state/registry.before

# whatever went wrong: the old container serves again with its old files, a new one goes
undo() {
    code=$?
    trap '' EXIT
    [ "$code" != 0 ] || exit 0
    forget
    [ -z "$archive" ] || rm -f "$archive"
    if [ -n "$created" ]; then
        docker rm -f "$name" >/dev/null 2>&1
    fi
    if [ -d "$kept" ]; then
        rm -rf "$folder" && mv "$kept" "$folder"
    fi
    [ -z "$aside$restarted" ] || hold
    if [ -n "$aside" ]; then
        docker rename "$name-before" "$name" >/dev/null 2>&1
        docker start "$name" >/dev/null 2>&1
        printf 'undone: the container that was there before serves again; ' >>"$story"
    elif [ -n "$restarted" ]; then
        docker restart -t "$patience" "$name" >/dev/null 2>&1
        printf 'undone: the certificate that was there before is served again; ' >>"$story"
    fi
    release
    cat "$story" "$story.cause" >&2 2>/dev/null
    rm -f "$story" "$story.cause"
    exit "$code"
}

# what a failure is called, from what docker and the registry say of it
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

# end here: $1 failed, and $2 is what was said of it; the log of a container of ours comes before the cause
fall() {
    said=$2
    if [ -n "$created$restarted$started" ]; then
        log=$(docker logs --tail 15 "$name" 2>&1)
        printf '%s\n' "$log" | sed 's/^/log: /' >>"$story"
        said="$2
$log"
    fi
    printf '%s: %s\n' "$1" "$(cause "$said")" >"$story.cause"
    exit 1
}

get_image() {
    docker image inspect "$image" >/dev/null 2>&1 && return
    if [ -n "$archive" ]; then
        said=$(docker load --input "$archive" 2>&1) || fall "loading the archive" "$said"
        rm -f "$archive"
        docker image inspect "$image" >/dev/null 2>&1 ||
            fall "loading the archive" "it holds $(printf '%s' "$said" | sed -n 's/^Loaded image[^:]*: //p' | tr '\n' ' '), not $image"
    else
        said=$(docker pull --quiet "$image" 2>&1) || fall "getting the image" "$said"
    fi
}

# the files of the new state; those of the old one are kept until the new one is healthy
lay_out() {
    if [ -e "$folder/started" ] && [ ! -d "$kept" ]; then
        # under another name until it is whole: what is kept is what `undo` goes back to
        rm -rf "$kept$fresh"
        said=$(cp -a "$folder" "$kept$fresh" 2>&1) && rm -f "$kept$fresh"/*"$fresh" && mv "$kept$fresh" "$kept" || {
            rm -rf "$kept$fresh"
            fall "keeping the files of before" "${said##*: }"
        }
    fi
    mkdir -p "$folder" && chmod 700 "$folder"
    if [ ! -s "$folder/secret" ]; then
        (umask 077; od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$folder/secret")
    fi
    place
    awk 'NR == FNR { secret = $0; next } { sub(/@SECRET@/, secret) } 1' \
        "$folder/secret" "$folder/config.yml" >"$folder/config.yml$fresh" &&
        chmod 600 "$folder/config.yml$fresh" && mv -f "$folder/config.yml$fresh" "$folder/config.yml" ||
        fall "writing the configuration" "can't write $folder/config.yml"
    mkdir -p "$data" && printf '%s\n' "$site" >"$data/.anchorline" ||
        fall "making the data folder" "$data isn't writable"
}

milliseconds() {
    read -r up _ </proc/uptime
    echo "${up%.*}${up#*.}0"
}

# New connections wait instead of being refused: what opens one (a SYN) is dropped, and TCP sends it again after 1, 3
# and 7 s. Running ones go on. The entry ends by itself, should this script be killed. Of the host's own connections only
# those to its own addresses wait, so that Docker's proxy finds the new container.
hold() {
    holding=
    [ -x "$(command -v nft)" ] && nft -f - 2>/dev/null <<END && holding=yes
add table inet anchorline
delete table inet anchorline
table inet anchorline {
    set holding { type inet_service; flags timeout; }
    chain arriving {
        type filter hook prerouting priority -350;
        fib daddr type local tcp flags & (syn | ack) == syn tcp dport @holding drop
    }
    chain leaving {
        type filter hook output priority -350;
        fib daddr type local tcp flags & (syn | ack) == syn tcp dport @holding drop
    }
}
add element inet anchorline holding { $port timeout $((drain + patience))s }
END
    began=$(milliseconds)
}

release() {
    [ -z "$holding" ] || nft delete table inet anchorline 2>/dev/null
    holding=
}

# without a connection: whether a process in the container listens
listens() {
    pid=$(docker container inspect --format '{{.State.Pid}}' "$name" 2>/dev/null)
    [ "${pid:-0}" != 0 ] && cat "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" 2>/dev/null |
        awk -v port=":$(printf '%04X' "$inside")" '$4 == "0A" && $2 ~ port "$" { found = 1 } END { exit !found }'
}

# whether there is no use in waiting: the time is over, or the container ends again and again ($status tells its state)
hopeless() {
    set -- $(docker container inspect --format '{{.State.Status}} {{.RestartCount}}' "$name" 2>&1)
    status=$1
    case $1 in running | restarting) [ "$2" -ge 3 ] || [ "$(date +%s)" -ge "$deadline" ] ;; esac
}

# let the waiting connections in as soon as somebody listens, and tell how long none was let in
reopen() {
    deadline=$(($(date +%s) + patience))
    until listens || hopeless; do
        sleep 0.05
    done
    echo "${holding:-no} $(($(milliseconds) - began))" | sed 's/^yes/waited/; s/^no/refused/'
    release
}

get_healthy() {
    deadline=$(($(date +%s) + patience))
    while :; do
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

begin_anew() {
    if docker container inspect "$name" >/dev/null 2>&1; then
        docker rename "$name" "$name-before" || fall "setting the old container aside" "docker can't rename it"
        aside=yes
        hold
        docker stop -t $((drain + 5)) "$name-before" >/dev/null 2>&1
    fi
    label=''
    case $(getenforce 2>/dev/null) in Enforcing | Permissive) label=Z ;; esac
    set -f
    IFS='
'
    set -- $(printf '%s\n' "$create" | sed "s/:ro@Z\$/:ro${label:+,$label}/; s/@Z\$/${label:+:$label}/")
    unset IFS
    set +f
    created=yes
    said=$(docker create --name "$name" "$@" 2>&1) || fall "creating the container" "$said"
    said=$(docker start "$name" 2>&1) || fall "starting the container" "$said"
    [ -z "$aside" ] || reopen
}

# a replacement that was cut off by a power failure: back to what was before it
heal() {
    docker container inspect "$name-before" >/dev/null 2>&1 || return
    docker rm -f "$name" >/dev/null 2>&1
    docker rename "$name-before" "$name"
    if [ -d "$kept" ]; then
        rm -rf "$folder" && mv "$kept" "$folder"
    fi
}

main() {
    trap '' HUP PIPE
    created='' aside='' restarted='' started='' holding=''
    umask 022
    mkdir -p "$state" && exec 9<"$state" || { echo "can't make the folder $state" >&2; exit 1; }
    # before there is anything to undo: that would be the other run's. One that was cut off from control goes on to its end
    waited=0
    ! command -v flock >/dev/null || until flock -n 9; do
        [ "$waited" -lt $((drain + 2 * patience)) ] ||
            { echo "another run is changing the registry of this host, for $waited s now" >&2; exit 1; }
        sleep 1
        waited=$((waited + 1))
    done
    story=$(mktemp) || { echo "can't make a temporary file" >&2; exit 1; }
    trap undo EXIT
    heal
    receive
    umask 022
    get_image
    lay_out
    case $action in
        create | replace) begin_anew ;;
        restart)
            restarted=yes
            hold
            docker restart -t $((drain + 5)) "$name" >/dev/null 2>&1
            reopen
            ;;
        start) started=yes; docker start "$name" >/dev/null 2>&1 ;;
    esac
    get_healthy
    printf '%s\n' "$chain" >"$folder/started"
    docker rm -f "$name-before" >/dev/null 2>&1
    rm -rf "$kept" "$story"
    logger -t anchorline "site $site: registry $action" 2>/dev/null
    exit 0
}
main
