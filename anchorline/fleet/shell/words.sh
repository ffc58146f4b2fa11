# The words of an answer, which others have a say in: names of folders, a runtime's messages.
# tell KIND WORD...: one line of an answer. A word stands in it as it is where it is printable ASCII without blanks and
# backslashes; of any other one each byte is written as \0NNN, which is what printf's %b reads again.
# tell_lines KIND: the words of each line of standard input behind KIND; tell_each: behind the line's own first one.
# It starts a program for a word that is odd alone.

tell() {
    told_line=$1
    shift
    for each_word in "$@"; do
        case $each_word in *[!!-~]* | *\\*)
            each_word=$(printf %s "$each_word" | head -c 8192 | od -An -v -to1 | tr -d '\n' | sed 's/ /\\0/g')
            ;;
        esac
        told_line="$told_line $each_word"
    done
    printf '%.60000s\n' "$told_line"
}

# shellcheck disable=SC2086  # the words of a line
tell_lines() (
    set -f
    while read -r told_words || [ -n "$told_words" ]; do tell "$1" $told_words; done
)

# shellcheck disable=SC2086  # as above
tell_each() (
    set -f
    while read -r told_kind told_words || [ -n "$told_kind" ]; do tell "$told_kind" $told_words; done
)
