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

# by_owners COMMAND TEXT: the paths on standard input, root's with the command, those in a user's place by that user with the
# text, which says done at its end. What a user hinders is said, and hinders nothing else.
by_owners() {
    others=$(mktemp -d) || fail "can't make a temporary folder"
    while read -r each; do
        [ -n "$each" ] || continue
        whose "${each%/*}"
        case $whose in
            root) "$1" "$each" ;;
            '') not_ours "$each" ;;
            *) printf '%s\n' "$each" >>"$others/$whose" ;;
        esac
    done
    for list in "$others"/*; do
        [ -f "$list" ] || continue
        said=$(as "${list##*/}" "$list" "$2")
        case $said in *done) ;; *) passed "$(head -n 1 "$list")" "$said" ;; esac
    done
    forget_others
}

take_away() {
    rm -f "$(followed "$1")" || fail "can't remove $1"
}

empty() {
    rmdir "$1" 2>/dev/null
}

# deepest first; what isn't empty stays. With the last site the lock goes: who waits for it looks whether it is still there
folders() {
    sort -r "$state/folders" 2>/dev/null |
        by_owners empty 'while read -r each; do rmdir "$each"; done 2>/dev/null; echo done'
    [ -z "$last" ] || for each in $remembered; do rm -f "$state/$each"; done
    rmdir "$state" 2>/dev/null
    rmdir "${state%/*}" 2>/dev/null && rm -f "$lock" && rmdir "${lock%/*}" 2>/dev/null
    true
}

main() {
    unset SSL_CERT_FILE SSL_CERT_DIR
    locked "$lock" "${state%/*}" 60 "another run is changing this host's stores"
    receive
    as_they_were
    through_links
    place
    umask 022 # what an update makes is for everybody
    printf '%s\n' "$restored" | while read -r each; do
        [ -z "$each" ] || mv -f "$each.anchorline-backup" "$(followed "$each")" || fail "can't write $each"
    done || exit 1
    # who has read a hosts.toml of before is about to open what it names
    case $gone$received in */hosts.toml*) sleep 1 ;; esac
    printf '%s\n' "$gone" | by_owners take_away 'while read -r each; do
        rm -f "$each" || { chmod u+w "${each%/*}" && rm -f "$each"; } || left=$each
    done
    [ -n "$left" ] || echo done' || exit 1
    if [ -n "$update" ]; then
        said=$(eval "$update" 2>&1 8<&- 9<&-) || fail "${update%% *}: $(printf '%s' "$said" | tail -n 1)"
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
