# What a host has of trust: its system, its stores, our files in them, the registry's line in its hosts file.
# From control: $site, $state, $release (os-release), $hosts (its hosts file), $families (name, words of os-release
# joined by commas, folder that tells it, folder, suffix, command, bundle, sources joined by colons, folder of hash links
# or -), $runtimes (name, folder, what tells that it is in use, socket or -), $users (whose homes count).
# $data holds a line for each anchor that is wanted: "anchor NAME BASE64".

os=$(
    ID='' ID_LIKE=''
    [ ! -r "$release" ] || . "$release"
    printf '%s %s\n' "$ID" "$ID_LIKE"
)
echo "os $os"
# a system's name alone decides nothing, and neither do its folders: others' lie about
families=$(printf '%s\n' "$families" | while read -r name ids rest; do
    for id in $os; do
        case ,$ids, in *",$id,"*) printf '%s %s\n' "$name" "$rest" && break ;; esac
    done
done)

# Which of the anchors are among the certificates of the files that $1 lists, a line each: NAME FILE. The base64 body
# tells a certificate, however its lines are wrapped, ended or commented.
among() {
    printf '%s\n' "$data" '=== files' "$1" | awk '
        function look_into(file,    line, body, within, got) {
            while ((got = (getline line < file)) > 0) {
                gsub(/\r/, "", line)
                if (line ~ /-----BEGIN CERTIFICATE-----/) { body = ""; within = 1 }
                else if (line ~ /-----END CERTIFICATE-----/) {
                    if (within && body in wanted) print wanted[body], file
                    within = 0
                } else if (within) { gsub(/[ \t]/, "", line); body = body line }
            }
            close(file)
        }
        listing { if ($0 != "") look_into($0); next }
        $0 == "=== files" { listing = 1; next }
        $1 == "anchor" { wanted[$3] = $2 }
    ' 2>/dev/null
}

# whether OpenSSL trusts the anchor $1 by the folder of hash links alone; yes where neither is there to be asked
hashed() {
    command -v openssl >/dev/null && ls "$2"/*.0 >/dev/null 2>&1 || return 0
    {
        echo '-----BEGIN CERTIFICATE-----'
        printf '%s\n' "$data" | awk -v name="$1" '$1 == "anchor" && $2 == name { print $3 }' | fold -w 64
        echo '-----END CERTIFICATE-----'
    } | openssl verify -partial_chain -no-CAfile -no-CAstore -CApath "$2" >/dev/null 2>&1
}

printf '%s\n' "$families" | while read -r family beside folder suffix command bundle sources links; do
    [ -d "$beside" ] && [ -x "$command" ] || continue
    echo "family $family"
    bundled=$(among "$bundle" | while read -r name _; do echo "$name"; done | sort -u)
    [ -n "$bundled" ] || continue
    printf '%s\n' "$bundled" | sed "s/^/bundled $family /"
    printf '%s\n' "$bundled" | while read -r name; do
        hashed "$name" "$links" || echo "unhashed $family $name"
    done
    # whose file is it that the system has an anchor from, where ours isn't there
    strange=$(printf '%s\n' "$bundled" | while read -r name; do [ -e "$folder/${name%.crt}$suffix" ] || echo "$name"; done)
    [ -n "$strange" ] || continue
    among "$(find -L $(echo "$sources" | tr : ' ') -type f ! -path "$bundle" -print 2>/dev/null)" | while read -r name file; do
        printf '%s\n' "$strange" | grep -qxF "$name" && printf 'elsewhere %s %s %s\n' "$family" "$name" "$file"
    done
done

homes=$(printf '%s\n' "$users" | while read -r user; do home_of "$user"; done)

# a row for each home that it stands for
printf '%s\n' "$runtimes" | while read -r runtime folder tells socket; do
    case $folder in
        '~'*) printf '%s\n' "$homes" | while read -r home; do
            [ -z "$home" ] || echo "$runtime $home${folder#?} $(echo "$tells" | sed "s|~|$home|g") $socket"
        done ;;
        *) echo "$runtime $folder $tells $socket" ;;
    esac
done | while read -r runtime folder tells socket; do
    used "$tells" && { [ "$socket" = - ] || [ -S "$socket" ]; } && case $runtime in
        # beside Docker, containerd serves Docker alone until someone uses a namespace that isn't Docker's or ours
        containerd)
            ! command -v dockerd >/dev/null ||
                timeout 10 ctr namespaces list -q 2>/dev/null | grep -qvx -e moby -e plugins.moby -e anchorline
            ;;
    esac && echo "runtime $runtime $folder"
    for each in "$folder"/*/anchorline-"$site"-*.crt; do file "$each"; done
    for each in "$folder"/*/hosts.toml; do ours "$each"; done
done
# what lies among the anchors as a link was made by an update; what users can't read isn't as it should be
printf '%s\n' "$families" | while read -r _ _ folder suffix _; do
    for each in "$folder"/anchorline-*; do
        [ -f "$each" ] && [ ! -L "$each" ] || continue
        case $(ls -ld "$each") in
            ???????r*) file "$each" ;;
            *) printf 'file unreadable %s\n' "$each" ;;
        esac
    done
done
! command -v curl >/dev/null || echo 'runtime curl'
sed 's/^/marker /' "$state/anchors" 2>/dev/null
# grep ends its last line, whether the file did or not
grep "# anchorline $site\$" "$hosts" 2>/dev/null | sed 's/^/hosts /'
stale
true
