# healthy: /v2/ answers 200 or 401, over TLS that only the registry's own CA vouches for; the system's roots where its
# file names none. Prints "ok FINGERPRINT" or what is wrong. With $unverified anybody may vouch: who asks compares the
# fingerprint, since the CA's file isn't ours any more.
# From control: $folder, $host (the name that clients type), $listen (where it is reached from here), $port, $tls.
# IPv6 addresses stand in brackets.
: "${folder?}"
: "${host?}"
: "${listen?}"
: "${port?}"
: "${tls?}"

# curl's exit code for a certificate that nobody vouches for, and healthy's: it doesn't get better by itself
# shellcheck disable=SC2034  # wait.sh reads it
untrusted=60
unverified=

healthy() {
    if [ -z "$tls" ]; then
        url=http://$listen:$port/v2/
        set --
    else
        url=https://$host:$port/v2/
        set -- --connect-to "$host:$port:$listen:$port"
        if [ -n "$unverified" ]; then set -- --insecure "$@"
        elif vouches; then set -- --cacert "$folder/ca.pem" "$@"; fi
    fi
    if command -v curl >/dev/null; then
        code=$(curl -sS --noproxy '*' --max-time 5 -o /dev/null -w '%{http_code}' "$@" "$url" 2>&1) ||
            { came=$?; echo "$code" | sed 's/000$//' | head -n 1; return "$came"; }
    elif [ -n "$tls" ] && command -v openssl >/dev/null; then
        bare=${host#[} bare=${bare%]}
        case $bare in *[!0-9a-f.:]*) of=-verify_hostname ;; *) of=-verify_ip ;; esac
        set -- -verify_return_error "$of" "$bare"
        if [ -n "$unverified" ]; then set --
        elif vouches; then set -- -CAfile "$folder/ca.pem" "$@"; fi
        code=$(printf 'GET /v2/ HTTP/1.0\r\nHost: %s\r\n\r\n' "$host" |
            openssl s_client -quiet -connect "$listen:$port" -servername "$bare" "$@" 2>&1 |
            sed -n 's/^HTTP[^ ]* \([0-9]*\).*/\1/p')
    else
        echo 'neither curl nor openssl is there to ask the registry: install one'
        return 1
    fi
    case $code in
        200 | 401) echo "ok $(served)" ;;
        *) echo "$url answers ${code:-nothing}"; return 1 ;;
    esac
}

vouches() { grep -q '^-----BEGIN' "$folder/ca.pem" 2>/dev/null || [ ! -e "$folder/ca.pem" ]; }

# the fingerprint of the certificate that is served, where openssl can tell it
served() {
    [ -z "$tls" ] || fingerprint_at "$listen:$port" 5
}
