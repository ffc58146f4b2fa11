# What a host has of stores that aren't folders of CAs. From control: $state, $configurations (store, path, what
# tells that it is in use), $owned_files (store, path with a pattern, what tells), $site_bundle, $java (a command),
# $jvms (folders of others, with patterns), $system_keystores (that a system's update keeps), $users, $databases (NSS databases in a home, with
# patterns), $nicknames (of the anchors: NAME SHA-256 as keytool prints it), $sites (the folder of all sites' state).
# Base64 of a whole file is one word; what it may hold of others' secrets goes to control alone, and is never printed.
: "${state?}"
: "${configurations?}"
: "${owned_files?}"
: "${site_bundle?}"
: "${java?}"
: "${jvms?}"
: "${system_keystores?}"
: "${users?}"
: "${databases?}"
: "${nicknames?}"
: "${sites?}"

whole() {
    printf '%s' "$(base64 <"$1" | tr -d '\n')"
}

printf '%s\n' "$configurations" | while read -r store path tells; do
    used "$tells" || continue
    surely "$path" || {
        printf 'passed %s %s: others than root can change %s\n' "$store" "$path" "$blame"
        continue
    }
    [ ! -e "$path" ] || [ -f "$path" ] || { printf 'foreign %s\n' "$path" && continue; }
    if [ -f "$path" ]; then
        printf 'config %s %s %s %s\n' "$store" "$(stat -c %a "$path")" "$path" "$(whole "$path")"
    else
        printf 'config %s - %s\n' "$store" "$path"
    fi
    [ ! -f "$path.anchorline-backup" ] || printf 'backup %s %s\n' "$path" "$(whole "$path.anchorline-backup")"
done

ours "$site_bundle"
printf '%s\n' "$owned_files" | while read -r store path tells; do
    ! used "$tells" || echo "owned $store"
    for each in $path; do ours "$each"; done
done

# a JDK in a folder whose name has blanks is left alone: the two paths of its line couldn't be told apart
# a keystore is asked by keytool, which takes half a second, only where it isn't as we left it
keystore() {
    digest=$(sha256sum <"$2" | cut -d ' ' -f 1)
    known=$(awk -v digest="$digest" -v path="$2" '$2 == digest && $4 == path { print $1 }' "$state/keystores" 2>/dev/null)
    listed=
    printf '%s\n' "$nicknames" | while read -r name fingerprint; do
        [ -n "$name" ] || continue
        if printf '%s\n' "$known" | grep -qxF "$name"; then
            echo "holds $name $2"
            continue
        fi
        [ -n "$listed" ] || listed=$(timeout 20 "$1" -list -keystore "$2" -storepass changeit </dev/null 2>&1)
        case $listed in *"$fingerprint"*) echo "holds $name $2" ;; esac
    done
}

{
    ! found=$(command -v "$java") || readlink -f "$found" | sed 's|/bin/java$||'
    for each in $jvms; do [ ! -x "$each/bin/keytool" ] || echo "$each"; done
} | while read -r home; do
    for file in "$home/lib/security/cacerts" "$home/jre/lib/security/cacerts"; do
        [ -f "$file" ] && [ -x "$home/bin/keytool" ] && printf '%s %s\n' "$home/bin/keytool" "$(readlink -f "$file")"
    done
done | awk 'NF == 2 && !seen[$2]++' | while read -r keytool keystore; do
    keeper "$keytool" "$keystore"
    if [ "$keeper" != root ]; then
        printf 'passed java %s: others than root can change %s, and root runs no program of theirs\n' "$keystore" "$blame"
        continue
    fi
    kind=java
    for each in $system_keystores; do [ "$(readlink -f "$each")" != "$keystore" ] || kind=system; done
    printf 'keystore %s %s %s\n' "$kind" "$keytool" "$keystore"
    keystore "$keytool" "$keystore"
done

! command -v certutil >/dev/null || printf '%s\n' "$users" | while read -r user; do
    home=$(home_of "$user")
    [ -n "$home" ] || continue
    set -f # the patterns are the home's, not this folder's
    # shellcheck disable=SC2086  # a word for each
    set -- $databases
    set +f
    # "database PATH", and what certutil lists there
    database=
    as "$user" /dev/null 'home=$1 IFS=
        cd "$home" && shift || exit
        for pattern in "$@"; do
            for each in $pattern; do
                [ ! -f "$each/cert9.db" ] || { echo "database $home/$each" && certutil -L -d "sql:$each" 2>/dev/null; }
            done
        done' "$home" "$@" | while read -r word rest; do
        case $word,$rest in
            database,*/../*) database= ;;
            database,"$home"/*) database=$rest && printf 'keystore nss %s %s\n' "$user" "$database" ;;
            anchorline-*,C,*) case $database,"
$nicknames" in [!,]*"
$word.crt "*) echo "holds $word.crt $database" ;; esac ;;
        esac
    done
done
sed 's/^/kept /' "$state/keystores" 2>/dev/null
for each in "$sites"/*/anchors; do
    [ ! -f "$each" ] || [ "$each" = "$state/anchors" ] || echo sibling
done
true
