# Put the files that came on standard input in their places, and make the system see its anchors.
# From control: $site, $state, $lock (a file that is the same for all sites, since they share the system's stores),
# $folders (those of the files), $merged (files of others that get our entry), $update (a command, or nothing), $anchors
# (paths), $digests (of the anchors), $summary, $bundle (the system's), and what layers.sh, hosts.sh, stale.sh, merged.sh
# and keystores.sh want.
: "${site?}"
: "${state?}"
: "${lock?}"
: "${folders?}"
: "${merged?}"
: "${update?}"
: "${anchors?}"
: "${digests?}"
: "${summary?}"
: "${hosts_line?}"
: "${bundle?}"
: "${links?}"
: "${p11?}"

# the stores are asked, layer by layer, not the update's exit code: that one is 0 for a file that was passed over
trusted() {
    holds "$1" "$bundle" || fail "$bundle doesn't hold $1 after ${update%% *}"
    if [ -n "$p11" ]; then
        scratch=$(mktemp -d) || fail "can't make a temporary folder"
        extracted "$scratch/anchors" && holds "$1" "$scratch/anchors" && p11_says=yes || p11_says=
        rm -rf "$scratch"
        [ -n "$p11_says" ] || fail "p11-kit (${p11##*/} extract) doesn't hold $1 after ${update%% *}"
    fi
    ! hashes || said=$(hashed "$1") || fail "the hash links in $links don't lead to $1 after ${update%% *}: $(reason)"
    command -v openssl >/dev/null || return 0
    said=$(openssl verify -partial_chain "$1" 2>&1) || fail "openssl doesn't trust $1 after ${update%% *}: $(reason)"
}

reason() {
    printf '%s\n' "$said" | sed -n 's/^error .* lookup: *//p' | tail -n 1
}

# the folders that are about to be made: whoever takes our files away again takes them too
absent() {
    printf '%s\n' "$folders" | while read -r each; do
        [ -z "$each" ] || [ -d "$each" ] || echo "$each"
    done
}

# once, as it was before us
backed_up() {
    printf '%s\n' "$merged" | while read -r path; do
        [ ! -f "$path" ] || [ -e "$path.anchorline-backup" ] || cp -p "$path" "$path.anchorline-backup" ||
            fail "can't write $path.anchorline-backup"
    done || exit 1
}

main() {
    unset SSL_CERT_FILE SSL_CERT_DIR
    locked "$lock" "${state%/*}" 60 "another run is changing this host's stores"
    made=$(absent)
    receive
    as_they_were
    backed_up
    through_links
    place
    umask 022 # what an update makes is for everybody
    if [ -n "$made" ]; then
        (umask 022 && mkdir -p "$state" && printf '%s\n' "$made" >>"$state/folders") || fail "can't write $state/folders"
    fi
    if [ -n "$update" ]; then
        said=$(eval "$update" 2>&1 8<&- 9<&-) || fail "${update%% *}: $(printf '%s' "$said" | tail -n 1)"
        printf '%s\n' "$anchors" | while read -r anchor; do trusted "$anchor"; done || exit 1
        # shellcheck disable=SC2086  # a word for each
        stamp add $digests
    fi
    keystores
    [ -z "$hosts_line" ] || hosts_entry
    logger -t anchorline "site $site: $summary" 2>/dev/null
    stale | tell_each
    true
}
main
