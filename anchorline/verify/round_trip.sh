# The round trip on one client, with verification on and with its own runtimes: push (where asked to), then pull by
# digest, compare, remove. Nobody else's tags and images are touched.
# From control: $state, $runtimes (in use here; curl too), $reference (HOST/anchorline/verify), $scheme, $tag, $push,
# $delete (the tag's manifest afterwards), $pushed (the digest of what another client has pushed), $endpoint (HOST:PORT) and $leaf (the
# fingerprint of its certificate, where it has one), $certs (of ctr), $patience, $stamp.
# On standard input where it pushes: the image's archive, in base64.
: "${state?}"
: "${runtimes?}"
: "${reference?}"
: "${scheme?}"
: "${tag?}"
: "${push?}"
: "${delete?}"
: "${pushed?}"
: "${endpoint?}"
: "${leaf?}"
: "${certs?}"
: "${patience?}"
: "${stamp?}"

# one line for each verification: "verification RUNTIME pushed|pulled|reached ok|failed MILLISECONDS CAUSE"
told=''
tell() {
    now=$(milliseconds)
    printf 'verification %s %s %s %s %s\n' "$1" "$2" "$3" "$((now - began))" "$4"
    [ "$3" = ok ] || told="$told$1 $2: $4
"
}

# tell_how RUNTIME WHAT CODE
tell_how() {
    if [ "$3" = 0 ]; then tell "$1" "$2" ok; else tell "$1" "$2" failed "$(last)"; fi
}

run() { said=$(timeout "$patience" "$@" 2>&1); }
last() { printf '%s\n' "$said" | grep -v '^$' | tail -n 1; }

# Docker and containerd, written in Go, keep /etc/hosts in mind for 5 s: a name that the rollout has just put there
# may not be known to them yet
patiently() {
    for pause in 3 3 0; do
        "$@" && return
        case $said in
            *'lookup '* | *'no such host'*) sleep "$pause" ;;
            *) return 1 ;;
        esac
    done
    return 1
}

push_docker() {
    run docker load --input "$image" && run docker push "$reference:$tag" || return
    digest=$(printf '%s\n' "$said" | sed -n 's/.*digest: \(sha256:[0-9a-f]*\).*/\1/p')
    run docker image rm "$reference:$tag"
}
pull_docker() {
    run docker pull "$reference@$1" || return
    run docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$reference@$1" || return
    printf '%s\n' "$said" | grep -qx "$reference@$1" || { said="pulled, but not as $1"; return 1; }
    run docker image rm "$reference@$1"
}

push_podman() {
    run podman load --quiet --input "$image" && run podman push --quiet --digestfile "$image.digest" "$reference:$tag" ||
        return
    digest=$(cat "$image.digest")
    run podman image rm "$reference:$tag"
}
pull_podman() {
    run podman pull --quiet "$reference@$1" || return
    run podman image inspect --format '{{.Digest}}' "$reference@$1" || return
    [ "$said" = "$1" ] || { said="pulled $said, not $1"; return 1; }
    run podman image rm "$reference@$1"
}

# a namespace of our own: nobody's images are in it
push_containerd() {
    run ctr --namespace anchorline images import --all-platforms "$image" || return
    digest=$(ctr --namespace anchorline images list | awk -v name="$reference:$tag" '$1 == name { print $3 }')
    run ctr --namespace anchorline images push --hosts-dir "$certs" "$reference:$tag"
    code=$?
    ctr --namespace anchorline images remove --sync "$reference:$tag" >/dev/null 2>&1
    return $code
}
pull_containerd() {
    run ctr --namespace anchorline images pull --all-platforms --hosts-dir "$certs" "$reference@$1" || return
    got=$(ctr --namespace anchorline images list | awk -v name="$reference@$1" '$1 == name { print $3 }')
    run ctr --namespace anchorline images remove --sync "$reference@$1"
    ctr namespaces remove anchorline >/dev/null 2>&1
    [ "$got" = "$1" ] || { said="pulled $got, not $1"; return 1; }
}

# over the system's store: the manifest by its digest, then a blob of it, each compared with its own name
url=$scheme://${reference%%/*}/v2/${reference#*/}
fetch() {
    timeout "$patience" curl -sS --fail --max-time "$patience" \
        -H 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' \
        "$url/$1" 2>"$image.error" >"$image.got" || { said=$(cat "$image.error"); return 1; }
    got=sha256:$(sha256sum <"$image.got" | cut -d ' ' -f 1)
    [ "$got" = "${1#*/}" ] || { said="$url/$1 has the digest $got"; return 1; }
}
pull_curl() {
    fetch "manifests/$1" || return
    blob=$(grep -o '"digest": *"sha256:[0-9a-f]*"' "$image.got" | tail -n 1 | sed 's/.*"\(sha256:.*\)"/\1/')
    fetch "blobs/$blob"
}

# with nothing to pull, the registry's own "no such image" is the verification: it came over verified TLS
reach() {
    none=sha256:0000000000000000000000000000000000000000000000000000000000000000
    patiently "pull_$1" "$none" && return
    case $said in
        *'not found'* | *'manifest unknown'* | *'404'*) return 0 ;;
    esac
    return 1
}

# what this client gets is the certificate that is in pki/, by its fingerprint
same() {
    [ -n "$leaf" ] && command -v openssl >/dev/null || return 0
    got=$(fingerprint_at "$endpoint" "$patience")
    [ "$got" = "$leaf" ] || { said="it is served ${got:-no certificate}, and pki/ has $leaf"; return 1; }
}

clean() {
    rm -rf "$scratch"
}

main() {
    trap '' HUP PIPE
    scratch=$(mktemp -d) || { echo "can't make a temporary folder" >&2; exit 1; }
    image=$scratch/image
    trap clean EXIT
    digest=$pushed
    if [ -n "$push" ]; then
        base64 -d >"$image" || { echo "can't write $image" >&2; exit 1; }
        pusher=$(printf '%s\n' "$runtimes" | grep -vx curl | head -n 1)
        began=$(milliseconds)
        if [ -n "$pusher" ]; then
            digest=''
            if patiently "push_$pusher" && [ -n "$digest" ]; then
                tell "$pusher" pushed ok
            else
                tell "$pusher" pushed failed "$(last)"
                digest=''
            fi
        fi
    fi
    for runtime in $runtimes; do
        began=$(milliseconds)
        if [ -n "$digest" ]; then
            patiently "pull_$runtime" "$digest"
            tell_how "$runtime" pulled $?
        elif [ -z "$told" ]; then
            reach "$runtime"
            tell_how "$runtime" reached $?
        fi
    done
    began=$(milliseconds)
    same || tell openssl served failed "$(last)"
    if [ -n "$delete" ] && [ -n "$digest" ] && command -v curl >/dev/null; then
        curl -sS -o /dev/null --max-time "$patience" -X DELETE "$url/manifests/$digest"
    fi
    [ -z "$digest" ] || echo "digest $digest"
    if [ -n "$told" ]; then
        printf '%s' "$told" >&2
        exit 1
    fi
    { mkdir -p "$state" && printf '%s\n' "$stamp" >"$state/verified"; } ||
        { echo "can't write $state/verified" >&2; exit 1; }
}
main
