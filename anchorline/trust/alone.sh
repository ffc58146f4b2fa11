# What an exported script does on the host that it runs on: it looks as a rollout does, and applies as a rollout does.
# From export.py: $site, $state, $system (for the system's store, a line each: NAME SHA256), $stores (a line each:
# RUNTIME MODE SHA256 PATH), $marker, $digests, $hosts_entry, $families (NAME WORDS), $unknown (with @os@ for what was
# seen) and $nameless; and functions: probe, apply, content (the file with SHA-256 $1), row (the family $1: sets $folder,
# $suffix, $make, $repair, $undeclared, $note), and decide (what `difference` in plan.py says of a host where $1 was seen:
# sets $put, $due, $asked, $says, $noted, $refused).
: "${site?}"
: "${state?}"
: "${system?}"
: "${stores?}"
: "${marker?}"
: "${digests?}"
: "${hosts_entry?}"
: "${families?}"
: "${unknown?}"
: "${nameless?}"

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# whether the probe saw exactly this
seen() {
    printf '%s\n' "$found" | grep -qxF -- "$1"
}

# what follows these words in what the probe saw
after() {
    printf '%s\n' "$found" | sed -n "s/^$1 //p"
}

# what lies at the path $2, where the file with SHA-256 $1 belongs
lies() {
    if seen "file $1 $2"; then
        echo same
    elif seen "foreign $2"; then
        echo foreign
    elif after 'file [^ ]*' | grep -qxF -- "$2"; then
        echo other
    else
        echo none
    fi
}

family() {
    for word in $(after os); do
        printf '%s\n' "$families" | while read -r name ids; do
            case ,$ids, in *",$word,"*) ! seen "family $name" || echo "$name" ;; esac
        done
    done | head -n 1
}

# put_there MODE SHA256 PATH: two runtimes may share it
put_there() {
    case $plan in *" $3
"*) return ;; esac
    plan="$plan$1 $2 $3
"
}

# tell WHAT: a word of the summary, once
tell() {
    case ", $summary, " in *", $1, "*) ;; *) summary="${summary:+$summary, }$1" ;; esac
}

# sets $update where the system's store lacks something
system_store() {
    name=$(family)
    if [ -z "$name" ]; then
        words=$(after os | sed 's/ *$//')
        [ -n "$words" ] || fail "$nameless"
        fail "${unknown%%@os@*}$words${unknown#*@os@}"
    fi
    row "$name"
    store=
    while read -r anchor digest; do
        if [ -n "$undeclared" ]; then
            seen "bundled $name $anchor" || fail "$undeclared"
            continue
        fi
        path=$folder/${anchor%.crt}$suffix
        bundled=- unhashed=-
        ! seen "bundled $name $anchor" || bundled=bundled
        ! seen "unhashed $name $anchor" || unhashed=unhashed
        other=$(after "elsewhere $name $anchor")
        decide "anchor $(lies "$digest" "$path") $bundled $unhashed ${other:+elsewhere}"
        [ -z "$noted" ] || echo "${noted%%@path@*}$other${noted#*@path@}"
        [ -z "$put" ] || put_there 644 "$digest" "$path"
        [ -z "$asked" ] || anchors="${anchors:+$anchors
}$path"
        # one anchor that wants the repair has it done for all
        case $due in
            repair) update=$repair store=$says ;;
            make) [ -n "$update" ] || update=$make store=$says ;;
        esac
    done <<LIST
$system
LIST
    [ -z "$store" ] || tell "$store"
}

runtime_stores() {
    while read -r runtime mode digest path; do
        after "runtime $runtime" | grep -q . || continue
        decide "store $runtime $(lies "$digest" "$path")"
        [ -z "$refused" ] || fail "$path is someone else's: move it away, and run this again"
        [ -z "$put" ] || put_there "$mode" "$digest" "$path"
        [ -z "$says" ] || tell "$says"
    done <<LIST
$stores
LIST
}

# what the host remembers of the site stays, and only this site's owner may add to it
memory() {
    known=$(after marker)
    damaged=$(printf '%s\n' "$known" | grep -E '^(ca|also)' | grep -vxE '(ca|also) [0-9a-f]{64}' | head -n 1)
    [ -z "$damaged" ] || fail "$state/anchors, which the host keeps, is damaged at '$damaged'"
    for ca in $(after 'marker ca'); do
        printf '%s\n' "$digests" | grep -qxF -- "$ca" ||
            fail "this host knows the CA $(printf %.12s "$ca") as the site's, and this script doesn't: export it anew"
    done
    whole=whole
    ! printf '%s\n' "$marker" | grep -qvxF -- "$known" || whole=lacks
    decide "memory $whole"
    [ -z "$put" ] || remembered=$(printf '%s\n' "$marker" "$known" | grep . | sort -u)
}

hosts_file() {
    line=other
    [ "$(after hosts)" != "$hosts_entry # anchorline $site" ] || line=same
    decide "hosts $line"
    [ -z "$says" ] || { hosts_line=$hosts_entry && tell "$says"; }
}

above() {
    printf '%s\n' "$plan" | while read -r _ _ path; do
        while path=${path%/*} && [ -n "$path" ]; do echo "$path"; done
    done | sort -u
}

# as `receive` in files.sh reads them
files() {
    printf '%s' "$plan" | while read -r mode digest path; do
        printf '@ %s %s\n' "$mode" "$path"
        content "$digest"
    done
    [ -z "$remembered" ] || printf '@ 644 %s\n%s\n' "$state/anchors" "$remembered"
    echo '@ end'
}

# the anchors as the probe wants them in $data
wanted() {
    printf '%s\n' "$system" | while read -r anchor digest; do
        printf 'anchor %s %s\n' "$anchor" "$(content "$digest" | grep -v -e '-----' | tr -d '\n')"
    done
}

alone() {
    [ "$(id -u)" = 0 ] || fail "run this as root: it changes the host's trust stores"
    # shellcheck disable=SC2034  # the probe reads it
    data=$(wanted)
    found=$(probe </dev/null) || fail "this host's shell couldn't run the probe"
    # shellcheck disable=SC2034  # apply reads bundle, links and p11, which the family's row sets
    plan='' update='' anchors='' summary='' remembered='' hosts_line='' bundle='' links='' p11=''
    [ -z "$system" ] || system_store
    runtime_stores
    memory
    hosts_file
    if [ -z "$plan$update$hosts_line$remembered" ]; then
        echo "site $site: nothing to do"
        return 0
    fi
    : "${summary:=marker}"
    # shellcheck disable=SC2034  # apply reads it
    folders=$(above)
    # processes that hold the old roots are printed, for control alone
    said=$(files | apply 2>&1 >/dev/null) || fail "$(printf '%s\n' "$said" | tail -n 1)"
    [ -z "$update" ] || [ -z "$note" ] || printf '%s\n' "$note"
    echo "site $site: $summary"
}
