# What an exported script does on the host that it runs on: look, decide as `difference` in state.py does, apply.
# From export.py: $site, $state, $system (for the system's store, a line each: NAME SHA256), $stores (a line each:
# RUNTIME STORE MODE SHA256 PATH), $marker, $digests, $hosts_line, $families (NAME WORDS), $unknown (with @os@ for what was
# seen) and $nameless, and functions: look, apply, row (the family $1 as variables), content (the file with SHA-256 $1).

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# whether the look saw exactly this
seen() {
    printf '%s\n' "$found" | grep -qxF -- "$1"
}

# what follows these words in what the look saw
after() {
    printf '%s\n' "$found" | sed -n "s/^$1 //p"
}

family() {
    for word in $(after os); do
        printf '%s\n' "$families" | while read -r name ids; do
            case ,$ids, in *",$word,"*) ! seen "family $name" || echo "$name" ;; esac
        done
    done | head -n 1
}

# put MODE SHA256 PATH: it shall be there; two runtimes may share it
put() {
    case $plan in *" $3
"*) return ;; esac
    plan="$plan$1 $2 $3
"
}

# tell WHAT: a word of the summary, once
tell() {
    case ", $summary, " in *", $1, "*) ;; *) summary="${summary:+$summary, }$1" ;; esac
}

# sets $update where the system's store lacks something; the update command stands in the family's row
system_store() {
    name=$(family)
    if [ -z "$name" ]; then
        words=$(after os | sed 's/ *$//')
        [ -n "$words" ] || fail "$nameless"
        fail "${unknown%%@os@*}$words${unknown#*@os@}"
    fi
    row "$name"
    command=$update update=
    while read -r anchor digest; do
        if [ -n "$undeclared" ]; then
            seen "bundled $name $anchor" || fail "$undeclared"
            continue
        fi
        path=$folder/${anchor%.crt}$suffix
        visible=yes
        seen "bundled $name $anchor" && ! seen "unhashed $name $anchor" || visible=
        other=$(after "elsewhere $name $anchor")
        if [ -n "$other" ] && [ -n "$visible" ]; then
            echo "trusted already as $other, not doubled"
            continue
        fi
        anchors="${anchors:+$anchors
}$path"
        seen "file $digest $path" || { put 644 "$digest" "$path" && visible=; }
        [ -z "$visible" ] || continue
        [ "$update" = "$repair" ] || update=$command
        ! after 'file [^ ]*' | grep -qxF -- "$path" || update=$repair again=' repaired'
    done <<LIST
$system
LIST
    [ -z "$update" ] || tell "system store$again"
}

runtime_stores() {
    while read -r runtime store mode digest path; do
        after "runtime $runtime" | grep -q . || continue
        ! seen "foreign $path" || fail "$path is someone else's: move it away, and run this again"
        seen "file $digest $path" || { put "$mode" "$digest" "$path" && tell "$store"; }
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
        case " $digests " in
            *" $ca "*) ;;
            *) fail "this host knows the CA $(printf %.12s "$ca") as the site's, and this script doesn't: export it anew" ;;
        esac
    done
    remembered=
    printf '%s\n' "$marker" | grep -qvxF -- "$known" || return 0
    remembered=$(printf '%s\n' "$marker" "$known" | grep . | sort -u)
}

above() {
    printf '%s\n' "$plan" | while read -r _ _ path; do
        while path=${path%/*} && [ -n "$path" ]; do echo "$path"; done
    done | sort -u
}

# as `receive` in receive.sh reads them
files() {
    printf '%s' "$plan" | while read -r mode digest path; do
        printf '@ %s %s\n' "$mode" "$path"
        content "$digest"
    done
    [ -z "$remembered" ] || printf '@ 644 %s\n%s\n' "$state/anchors" "$remembered"
    echo '@ end'
}

# the anchors as the look wants them in $data
bodies() {
    printf '%s\n' "$system" | while read -r anchor digest; do
        printf 'anchor %s %s\n' "$anchor" "$(content "$digest" | grep -v -e '-----' | tr -d '\n')"
    done
}

alone() {
    [ "$(id -u)" = 0 ] || fail "run this as root: it changes the host's trust stores"
    data=$(bodies)
    found=$(look </dev/null) || fail "this host's shell couldn't run the look"
    plan='' update='' anchors='' again='' summary=''
    [ -z "$system" ] || system_store
    runtime_stores
    memory
    [ "$(after hosts)" != "$hosts_line # anchorline $site" ] || hosts_line=
    [ -z "$hosts_line" ] || tell "$hosts"
    if [ -z "$plan$update$hosts_line$remembered" ]; then
        echo "site $site: nothing to do"
        return 0
    fi
    : "${summary:=marker}"
    folders=$(above)
    # processes that hold the old roots are printed, for control alone
    said=$(files | apply 2>&1 >/dev/null) || fail "$(printf '%s\n' "$said" | tail -n 1)"
    [ -z "$update" ] || [ -z "$note" ] || printf '%s\n' "$note"
    echo "site $site: $summary"
}
