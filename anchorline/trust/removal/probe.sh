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

# held BASE PATTERN: the anchors in these folders, where BASE is $whose: "certificate BODY PATH", without a body where the
# first 64 KiB of a file hold none. Each is read by itself, and a user's by that user; a name can't make it another place.
held() {
    as "$whose" /dev/null '
        cd "$1" && IFS= || exit
        for each in .$2/anchorline-"$3"-????????????.*; do
            [ -f "$each" ] && [ ! -L "$each" ] || continue
            body=$(head -c 65536 "$each" | awk "$4")
            echo "certificate ${body:--} $1/${each#./}"
        done 2>/dev/null
        echo end' "$1" "${2-}" "$site" "$pem"'certificate($0) { print BODY; exit }' | {
        ended=
        while read -r word body path; do
            case $word,$path in
                */../*) ;;
                certificate,"$1"/*) tell certificate "$body" "$path" ;;
                end,) ended=yes ;;
            esac
        done
        [ -n "$ended" ] || not_read "$1" 'more than can be read in 20 s, or beyond 64 KiB'
    }
}

not_read() {
    tell unread "$1: $2"
}

# a place in a home is in everybody's, whoever the spec names now
printf '%s\n' "$places" | while read -r place; do
    case $place in
        '~'*) { cut -d : -f 6 /etc/passwd; homes_of "$users"; } | sort -u | sed "s|\$|${place#?}|" ;;
        *) printf '%s\n' "$place" ;;
    esac
done | while read -r place; do
    pattern=${place##*[!/*]} base=${place%/\*}
    # a folder that root can't look into (a home that another machine keeps) is its owner's to tell of
    there=$base
    while [ ! -e "$there" ] && [ -n "${there%/*}" ]; do there=${there%/*}; done
    [ -d "$base" ] || { [ -d "$there" ] && [ ! -x "$there" ]; } || continue
    whose "$base"
    case $whose,$pattern in
        ,*) not_read "$base" "others than root can change $blame" ;;
        # each of them may be somebody else's
        root,?*) for each in "$base"/*; do
            [ -d "$each" ] || continue
            whose "$each"
            if [ -n "$whose" ]; then held "$each"; else not_read "$each" "others than root can change $blame"; fi
        done ;;
        *) held "$base" "$pattern" ;;
    esac
done

printf '%s\n' "$owned_files" | while read -r place; do
    [ -d "${place%/*}" ] || continue
    whose "${place%/*}"
    [ "$whose" = root ] || { not_read "$place" "others than root can change $blame" && continue; }
    for each in $place; do
        [ "$(head -n 1 "$each" 2>/dev/null)" = "# anchorline $site" ] || continue
        tell bundle "$each"
        head -c 1048576 "$each" | bodies | while read -r body; do tell bundle "$each" "$body"; done
    done
done

# what is on disk is served after the next restart
if [ -n "$port" ]; then
    {
        cat "$state/registry/server.pem"
        ! command -v openssl >/dev/null || timeout 10 openssl s_client -showcerts -connect "$listen:$port" </dev/null
    } 2>/dev/null | bodies | sort -u | tell_lines served
fi
true
