# Take a CA of the site away: its files, what was made of them, and the folders that we made and that are empty now.
# Then ask the host's own store. From control: $site, $state, $gone (paths), $update (a command, or nothing), $last (set
# where the site has no other CA here: what is $remembered in $state goes as well), $certificate (the certificate, or
# nothing where nobody has it any more), $vendors (as in the families' table), $restored (files of others that become what
# they were), $ban (set where the host must not trust it, whoever vouches), $ca (its SHA-256), $lock (as in apply.sh),
# $summary, and what layers.sh, hosts.sh, stale.sh, merged.sh and keystores.sh want.
: "${site?}"
: "${state?}"
: "${lock?}"
: "${gone?}"
: "${restored?}"
: "${update?}"
: "${last?}"
: "${remembered?}"
: "${certificate?}"
: "${vendors?}"
: "${ban?}"
: "${ca?}"
: "${summary?}"
: "${bundle?}"
: "${links?}"
: "${hosts?}"

# the file of someone else's that the host has the CA from
theirs() {
    # shellcheck disable=SC2046  # the folders, a word for each
    find -L $(echo "$vendors" | tr : ' ') -type f ! -path "$bundle" -print 2>/dev/null | while read -r each; do
        holds "$scratch/ca" "$each" && echo "$each" && break
    done
}

# prints `still FILE` where the host goes on to trust it by someone else's file
untrusted() {
    scratch=$(mktemp -d) || fail "can't make a temporary folder"
    printf '%s\n' "$certificate" >"$scratch/ca"
    layer=
    ! { hashes && hashed "$scratch/ca" >/dev/null; } || layer="the hash links in $links"
    ! holds "$scratch/ca" "$bundle" || layer=$bundle
    [ -z "$layer" ] || other=$(theirs)
    rm -rf "$scratch"
    [ -n "$layer" ] || return 0
    [ -n "$other" ] || fail "$layer still holds it after ${update%% *}"
    [ -z "$ban" ] || fail "still trusted here, by $other, which isn't ours: take that away too"
    tell still "$other"
}

# deepest first; what isn't empty stays
folders() {
    sort -r "$state/folders" 2>/dev/null | while read -r each; do rmdir "$each" 2>/dev/null; done
    [ -z "$last" ] || for each in $remembered; do rm -f "$state/$each"; done
    rmdir "$state" "${state%/*}" "${state%/*/*}" 2>/dev/null
    true
}

main() {
    unset SSL_CERT_FILE SSL_CERT_DIR
    locked "$lock" 60 "another run is changing this host's stores"
    receive
    as_they_were
    through_links
    place
    umask 022 # what an update makes is for everybody
    printf '%s\n' "$restored" | while read -r each; do
        [ -z "$each" ] || mv -f "$each.anchorline-backup" "$(followed "$each")" || fail "can't write $each"
    done || exit 1
    # who has read a hosts.toml of before is about to open what it names
    case $gone in */certs.d/*) sleep 1 ;; esac
    printf '%s\n' "$gone" | while read -r each; do
        [ -z "$each" ] || rm -f "$(followed "$each")" || fail "can't remove $each"
    done || exit 1
    if [ -n "$update" ]; then
        said=$(eval "$update" 2>&1 9<&-) || fail "${update%% *}: $(printf '%s' "$said" | tail -n 1)"
    fi
    keystores
    [ -z "$update" ] || stamp remove "$ca"
    ! { [ -n "$last" ] && grep -q "# anchorline $site\$" "$hosts" 2>/dev/null; } || hosts_entry
    folders
    [ -z "$update" ] || [ -z "$certificate" ] || untrusted
    logger -t anchorline "site $site: $summary" 2>/dev/null
    stale | tell_each
    true
}
main
