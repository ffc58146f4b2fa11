# trusted: ask each layer of the host's own store for an anchor; locked: one of us at a time changes the stores.
# From control: $bundle, $links (the folder of hash links, or nothing), $p11 (p11-kit's command, or nothing), $lock.

# Which certificates of the PEM file $1 are in the PEM file $2 as well: exits with 0 where all of them are. Their decoded
# content counts, however the lines are wrapped, ended or commented.
holds() {
    awk '
        FNR == 1 { within = 0 }
        { gsub(/\r/, "") }
        /-----BEGIN CERTIFICATE-----/ { body = ""; within = 1; next }
        /-----END CERTIFICATE-----/ { if (FILENAME == store) seen[body] = 1; else wanted[body]; within = 0; next }
        within { gsub(/[ \t]/, ""); body = body $0 }
        END { for (body in wanted) { any = 1; if (!(body in seen)) exit 1 }; exit !any }
    ' store="$2" "$1" "$2" 2>/dev/null
}

# whether OpenSSL finds the certificate $1 by the folder of hash links alone; without the two options it would read
# its default file as well, and say yes for that
hashed() {
    openssl verify -partial_chain -no-CAfile -no-CAstore -CApath "$links" "$1" 2>&1
}

hashes() {
    [ -n "$links" ] && command -v openssl >/dev/null && ls "$links"/*.0 >/dev/null 2>&1
}

# p11-kit's own answer, which its blocklist has a say in, into the file $1
extracted() {
    "$p11" extract --filter=ca-anchors --purpose=server-auth --format=pem-bundle "$1" 2>/dev/null
}

# a path that is the same for all sites, since they share the system's stores; where flock is missing, nothing waits
locked() {
    (umask 022 && mkdir -p "$lock") || fail "can't make the folder $lock"
    command -v flock >/dev/null || return 0
    exec 9<"$lock"
    waited=0
    until flock -n 9; do
        [ "$waited" -lt 60 ] || fail "another run is changing this host's stores, for 60 s now"
        sleep 1
        waited=$((waited + 1))
    done
}
