# used: whether one of $1's words, joined by commas, is a command in the PATH or a path that exists; file, ours: what a
# look tells of a file of ours, the second in a place that others use too, where the first line tells whose it is.
# From control: $site.
: "${site?}"

used() {
    IFS=,
    # shellcheck disable=SC2086  # the words of the list, which hold no pattern
    set -- $1
    unset IFS
    for word in "$@"; do
        case $word in
            /*) [ ! -e "$word" ] || return 0 ;;
            *) ! command -v "$word" >/dev/null || return 0 ;;
        esac
    done
    return 1
}

# a file of ours: file SHA256 PATH (from standard input, since sha256sum escapes odd names)
file() {
    [ -f "$1" ] || return 0
    # shellcheck disable=SC2046  # the digest is its first word; a file that can't be read has none
    set -- "$1" $(sha256sum <"$1")
    [ -z "$2" ] || tell file "$2" "$1"
}

ours() {
    [ -e "$1" ] || return 0
    first=
    IFS= read -r first 2>/dev/null <"$1"
    case $first in
        "# anchorline $site") file "$1" ;;
        *) tell foreign "$1" ;;
    esac
}
