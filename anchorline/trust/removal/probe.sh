# What a host holds of a site's CAs, and what it serves, as certificates.
# From control: $site, $state, $places (folders, with patterns, where anchors of ours may lie), $owned_files (files of ours with
# several), $users (whose homes count), $listen and $port (where the registry is reached from here, on its host).
: "${site?}"
: "${state?}"
: "${places?}"
: "${owned_files?}"
: "${users?}"
: "${listen?}"
: "${port?}"

# a place in a home is in everybody's, whoever the spec names now
printf '%s\n' "$places" | while read -r place; do
    case $place in
        '~'*) { cut -d : -f 6 /etc/passwd; homes_of "$users"; } | sort -u | sed "s|\$|${place#?}|" ;;
        *) printf '%s\n' "$place" ;;
    esac
done | while read -r place; do
    # shellcheck disable=SC2231  # unquoted for its pattern
    for each in $place/anchorline-"$site"-????????????.*; do
        [ -f "$each" ] && [ ! -L "$each" ] || continue
        printf 'certificate %s %s\n' "$(bodies <"$each" | head -n 1)" "$each"
    done
done

printf '%s\n' "$owned_files" | while read -r place; do
    for each in $place; do
        [ "$(head -n 1 "$each" 2>/dev/null)" = "# anchorline $site" ] || continue
        printf 'bundle %s \n' "$each"
        bodies <"$each" | sed "s|^|bundle $each |"
    done
done

# what is on disk is served after the next restart
if [ -n "$port" ]; then
    {
        cat "$state/registry/server.pem"
        ! command -v openssl >/dev/null || timeout 10 openssl s_client -showcerts -connect "$listen:$port" </dev/null
    } 2>/dev/null | bodies | sort -u | sed 's/^/served /'
fi
true
