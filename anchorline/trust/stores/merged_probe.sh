# What a host has of stores that aren't folders of CAs. From control: $state, $configurations (store, path, what
# tells that it is in use), $owned_files (store, path with a pattern, what tells), $site_bundle, $java (a command),
# $jvms (folders of others, with patterns), $system_keystores (that a system's update keeps), $users, $databases (NSS databases in a home, with
# patterns), $nicknames (of the anchors: NAME SHA-256 as keytool prints it), $sites (the folder of all sites' state), $largest (bytes of a file that is looked at).
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
: "${largest?}"

# told KIND PATH FILE: the file in base64, in as many lines as it takes
whole() {
    base64 -w 48000 <"$3" | while read -r part; do tell "$1" "$2" "$part"; done
}

# what isn't looked at: nobody has such a large one, and a host's answer has its bounds
large() {
    [ "$(stat -Lc %s "$1")" -gt "$largest" ]
}

printf '%s\n' "$configurations" | while read -r store path tells; do
    used "$tells" || continue
    surely "$path" || { tell passed "$store" "$path: others than root can change $blame" && continue; }
    [ ! -e "$path" ] || [ -f "$path" ] || { tell foreign "$path" && continue; }
    if large "$path" 2>/dev/null; then tell large "$path" && continue; fi
    if [ -f "$path" ]; then
        tell config "$store" "$(stat -c %a "$path")" "$path"
        whole content "$path" "$path"
    else
        tell config "$store" - "$path"
    fi
    if [ -f "$path.anchorline-backup" ] && ! large "$path.anchorline-backup"; then
        tell backup "$path"
        whole before "$path" "$path.anchorline-backup"
    fi
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
            tell holds "$name" "$2"
            continue
        fi
        [ -n "$listed" ] || listed=$(timeout 20 "$1" -list -keystore "$2" -storepass changeit </dev/null 2>&1)
        case $listed in *"$fingerprint"*) tell holds "$name" "$2" ;; esac
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
        tell passed java "$keystore: others than root can change $blame, and root runs no program of theirs"
        continue
    fi
    kind=java
    for each in $system_keystores; do [ "$(readlink -f "$each")" != "$keystore" ] || kind=system; done
    tell keystore "$kind" "$keytool" "$keystore"
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
            database,"$home"/*) database=$rest && tell keystore nss "$user" "$database" ;;
            anchorline-*,C,*) case $database,"
$nicknames" in [!,]*"
$word.crt "*) tell holds "$word.crt" "$database" ;; esac ;;
        esac
    done
done
[ ! -f "$state/keystores" ] || tell_lines kept <"$state/keystores"
for each in "$sites"/*/anchors; do
    [ ! -f "$each" ] || [ "$each" = "$state/anchors" ] || echo sibling
done
true
