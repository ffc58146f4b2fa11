# What a host has of trust: its system, its stores, our files in them, the registry's line in its hosts file.
# From control: $site, $state, $release (os-release), $hosts (its hosts file), $families (name, words of os-release
# joined by commas, folder that tells it, folder, suffix, command, bundle, sources joined by colons, folder of hash links
# or -), $runtimes (name, folder, what tells that it is in use, socket or -), $users (whose homes count).
# $data holds a line for each anchor that is wanted: "anchor NAME BASE64".
: "${site?}"
: "${state?}"
: "${release?}"
: "${hosts?}"
: "${families?}"
: "${runtimes?}"
: "${users?}"
: "${data?}"

# os-release(5) is a shell's file, and is read without one: nothing in it runs
os=$(awk -F = '
    $1 == "ID" || $1 == "ID_LIKE" { word[$1] = substr($0, length($1) + 2); gsub(/["\047\\\r]/, "", word[$1]) }
    END { print word["ID"], word["ID_LIKE"] }
' "$release" 2>/dev/null)
printf '%s\n' "$os" | tell_lines os
# a system's name alone decides nothing, and neither do its folders: others' lie about
here=$(printf '%s\n' "$families" | while read -r name ids rest; do
    for id in $os; do
        case ,$ids, in *",$id,"*) printf '%s %s\n' "$name" "$rest" && break ;; esac
    done
done)

# which of the anchors are among the certificates of the files that $1 lists, a line each: NAME FILE
among() {
    printf '%s\n' "$data" '=== files' "$1" | awk "$pem"'
        function look_into(file,    line) {
            reset()
            while ((getline line < file) > 0) if (certificate(line) && BODY in wanted) print wanted[BODY], file
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
    printf '%s\n' "$data" | awk -v name="$1" "$pem"'$1 == "anchor" && $2 == name { wrapped($3) }' |
        openssl verify -partial_chain -no-CAfile -no-CAstore -CApath "$2" >/dev/null 2>&1
}

printf '%s\n' "$here" | while read -r family beside folder suffix command bundle sources links; do
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
    # shellcheck disable=SC2046  # the folders, a word for each
    among "$(find -L $(echo "$sources" | tr : ' ') -type f ! -path "$bundle" -print 2>/dev/null)" | while read -r name file; do
        printf '%s\n' "$strange" | grep -qxF "$name" && tell elsewhere "$family" "$name" "$file"
    done
done

homes=$(homes_of "$users")

# theirs BASE PATTERN: what is ours in these folders of a user's own, as that user sees it; a name can't make it another place
theirs() {
    as "$whose" /dev/null '
        cd "$1" && IFS= || exit
        for each in .$2/anchorline-"$3"-*.crt .$2/hosts.toml; do
            [ -f "$each" ] || continue
            case $each in *.toml) [ "$(head -c 4096 "$each" | head -n 1)" = "# anchorline $3" ] || continue ;; esac
            echo "$(head -c 65536 "$each" | sha256sum | cut -d " " -f 1) $1/${each#./}"
        done' "$1" "${2-}" "$site" | while read -r digest path; do
        case $path in
            */../*) ;;
            "$1"/*) tell file "$digest" "$path" ;;
        esac
    done
}

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
    esac && tell runtime "$runtime" "$folder"
    [ -d "$folder" ] || continue
    whose "$folder"
    case $whose in
        root) for each in "$folder"/*; do
            [ -d "$each" ] || continue
            whose "$each"
            case $whose in
                root)
                    for anchor in "$each"/anchorline-"$site"-*.crt; do file "$anchor"; done
                    ours "$each/hosts.toml"
                    ;;
                ?*) theirs "$each" ;;
            esac
        done ;;
        ?*) theirs "$folder" '/*' ;;
    esac
done
# what lies among the anchors as a link was made by an update; what users can't read isn't as it should be
printf '%s\n' "$here" | while read -r _ _ folder suffix _; do
    for each in "$folder"/anchorline-*; do
        [ -f "$each" ] && [ ! -L "$each" ] || continue
        case $(ls -ld "$each") in
            ???????r*) file "$each" ;;
            *) tell file unreadable "$each" ;;
        esac
    done
done
! command -v curl >/dev/null || echo 'runtime curl'
head -c 65536 "$state/anchors" 2>/dev/null | tell_lines marker
grep "# anchorline $site\$" "$hosts" 2>/dev/null | tell_lines hosts
stale | tell_each
true
