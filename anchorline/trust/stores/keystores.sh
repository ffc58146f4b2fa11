# keystores: put anchors into keystores of Java and NSS, or take them out. From control: $tasks (add|drop KIND WHO NAME
# PATH), $pems (NAME BASE64), $nicknames (NAME SHA-256 as keytool prints it), $state, $update. $state/keystores remembers what
# was put where, a line each: NAME SHA256 KIND PATH WHO. A keystore that isn't root's is
# its user's: what goes wrong there is said, and hinders nothing else.
: "${state?}"
: "${tasks?}"
: "${pems?}"
: "${nicknames?}"
: "${update?}"

# run a command that may say no, and keep what it said
tried() {
    said=$("$@" 2>&1 </dev/null)
}

pem_of() {
    printf '%s\n' "$pems" | awk -v name="$1" "$pem"'$1 == name { wrapped($2); exit }'
}

fingerprint_of() {
    printf '%s\n' "$nicknames" | awk -v name="$1" '$1 == name { print $2; exit }'
}

java_holds() {
    tried timeout 60 "$1" -list -keystore "$2" -storepass changeit || fail "$2: $(printf '%s\n' "$said" | tail -n 1)"
    case $said in *"$(fingerprint_of "$3")"*) ;; *) return 1 ;; esac
}

# a copy is changed and then moved over, so that a keystore is never half-written
java_changed() {
    cp -p "$2" "$2$fresh" || fail "can't write $2$fresh"
    keytool=$1 keystore=$2
    shift 2
    tried timeout 60 "$keytool" "$@" -noprompt -keystore "$keystore$fresh" -storepass changeit || {
        rm -f "$keystore$fresh"
        fail "$keystore: $(printf '%s\n' "$said" | tail -n 1)"
    }
    mv -f "$keystore$fresh" "$keystore" || fail "can't write $keystore"
}

add_java() {
    keeper "$1" "$3"
    [ "$keeper" = root ] || { of_others "$3" && return; }
    java_holds "$1" "$3" "$2" && return
    pem_of "$2" >"$scratch/pem"
    java_changed "$1" "$3" -importcert -trustcacerts -alias "${2%.crt}" -file "$scratch/pem"
    java_holds "$1" "$3" "$2" || fail "Java's keystore $3 doesn't hold $2 afterwards"
}

# the system's update made it, and is asked
add_system() {
    keeper "$1" "$3"
    [ "$keeper" = root ] || { of_others "$3" && return; }
    java_holds "$1" "$3" "$2" || fail "Java's keystore $3 doesn't hold $2 after ${update%% *}"
}

# older versions put it there as root
drop_as_keeper() {
    [ -z "$keeper" ] || said=$(as "$keeper" /dev/null '
        for alias in "${2%.crt}" "debian:${2%.crt}.pem"; do
            "$1" -list -keystore "$3" -storepass changeit -alias "$alias" >/dev/null 2>&1 || continue
            rm -f "$3$4" && cp -p "$3" "$3$4" &&
                "$1" -delete -alias "$alias" -noprompt -keystore "$3$4" -storepass changeit && mv -f "$3$4" "$3" || exit
        done
        echo dropped' "$@" "$fresh")
    case $keeper,$said in ,*) of_others "$3" ;; *dropped) ;; *) passed "$3" "$said" ;; esac
}

of_others() {
    passed "$1" "others than root can change $blame, and root runs no program of theirs"
}

# Debian's update forgets to take out what it put in
drop_java() {
    keeper "$1" "$3"
    [ "$keeper" = root ] || { drop_as_keeper "$@" && return; }
    for alias in "${2%.crt}" "debian:${2%.crt}.pem"; do
        tried timeout 60 "$1" -list -keystore "$3" -storepass changeit -alias "$alias" || continue
        java_changed "$1" "$3" -delete -alias "$alias"
    done
}

drop_system() {
    drop_java "$@"
}

# all tasks for the databases of one user, by that user: what hangs there is waited for once
of_user() {
    printf '%s\n' "$tasks" | while read -r action kind who name path; do
        body=$(printf '%s\n' "$pems" | awk -v name="$name" '$1 == name { print $2; exit }')
        [ "$kind $who" != "nss $1" ] || printf '%s %s %s %s\n' "$action" "${name%.crt}" "${body:--}" "$path"
    done >"$scratch/tasks"
    as "$1" "$scratch/tasks" '
        add() {
            printf "%s\n" "-----BEGIN CERTIFICATE-----" "$1" "-----END CERTIFICATE-----" |
                certutil -A -d "sql:$path" -n "$name" -t C,, || return
            certutil -L -d "sql:$path" | grep -q "^$name *C," || says_no "it does not hold $name afterwards"
        }
        drop() {
            ! certutil -L -d "sql:$path" -n "$name" || certutil -D -d "sql:$path" -n "$name" || return
            ! certutil -L -d "sql:$path" -n "$name" || says_no "it holds $name still"
        }
        says_no() {
            echo "$1" >&2
            return 1
        }
        while read -r action name body path; do
            [ -e "$path" ] || continue
            said=$("$action" "$body" </dev/null 2>&1 >/dev/null && echo well)
            [ "${said##*
}" = well ] || printf "%s: %s\n" "$path" "$(printf "%s\n" "$said" | tail -n 1)"
        done
        echo end' | {
        count=0
        while IFS= read -r line && [ "$line" != end ]; do
            count=$((count + 1))
            [ "$count" -gt 9 ] || tell passed "$line"
        done
        [ "$line" = end ] || passed "the NSS databases of $1" 'they took longer than 20 s'
    }
}

keystores() {
    [ -n "$tasks" ] || return 0
    scratch=$(mktemp -d) || fail "can't make a temporary folder"
    # what is about to be put somewhere is remembered before, so that whoever takes it out again finds it
    noted "$(printf '%s\n' "$tasks" | grep '^add ')" - || fail "can't write $state/keystores"
    printf '%s\n' "$tasks" | while read -r action kind who name path; do
        [ "$kind" = nss ] || [ ! -e "$path" ] || "${action}_$kind" "$who" "$name" "$path"
    done || { rm -rf "$scratch" && exit 1; }
    printf '%s\n' "$tasks" | awk '$2 == "nss" && !seen[$3]++ { print $3 }' | while read -r who; do of_user "$who"; done
    rm -rf "$scratch"
    noted "$tasks" || fail "can't write $state/keystores"
}

# the lines that these tasks are about become those of now, with the keystore's digest unless $2 is -; the rest stays
noted() {
    mkdir -p "$state" && {
        printf '%s\n' "$1" | while read -r action kind who name path; do
            digest=-
            # what isn't root's alone may be anything by now
            if [ "$kind" != nss ] && [ "$2" != - ] && whose "$path" && [ "$whose" = root ]; then
                digest=$(sha256sum <"$path" | cut -d ' ' -f 1)
            fi
            [ -z "$action" ] || printf '%s %s %s %s %s %s\n' "$action" "$name" "${digest:--}" "$kind" "$path" "$who"
        done
        sed 's/^/old /' "$state/keystores" 2>/dev/null
    } | awk '
        {
            where = $0 # the path, which may hold blanks
            sub(/^[^ ]* [^ ]* [^ ]* [^ ]* /, "", where)
            sub(/ [^ ]*$/, "", where)
        }
        !seen[$2 " " where]++ && $1 != "drop" { sub(/^[a-z]* /, ""); print }
    ' >"$state/keystores$fresh" &&
        chmod 644 "$state/keystores$fresh" && mv -f "$state/keystores$fresh" "$state/keystores" || return 1
    [ -s "$state/keystores" ] || rm -f "$state/keystores"
}
