# Ask each layer of the host's own store for an anchor.
# From control: $links (the folder of hash links, or nothing), $p11 (p11-kit's command, or nothing).
: "${links?}"
: "${p11?}"

# which certificates of the PEM file $1 are in the PEM file $2 as well: exits with 0 where all of them are
holds() {
    awk "$pem"'
        FNR == 1 { reset() }
        certificate($0) { if (FILENAME == store) seen[BODY] = 1; else wanted[BODY] }
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
