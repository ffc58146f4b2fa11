# An instance's own files: laid out in its folder, and back.
# From control: $folder, $before (for the files of before), $files (their names; in front of each whether its digest is
# told or secret), $data, $writable, $site, $chain (digest of the certificate with what stands above it).
# The host itself keeps beside them `secret`, `started`, and `files`, the digests of the files as they were written.

: "${folder?}"
: "${before?}"
: "${files?}"
: "${data?}"
: "${writable?}"
: "${site?}"
: "${chain?}"

kept=$before

note_files() {
    { printf '%s\n' "$files" | while read -r _ each; do
        [ ! -f "$folder/$each" ] || (cd "$folder" && sha256sum "$each")
    done >"$memory$fresh" && chmod 600 "$memory$fresh" && mv -f "$memory$fresh" "$memory"; } ||
        fall 'noting the files' "can't write $memory"
}

# the files of the new state; those of the old one are kept until the new one is healthy
lay_out() {
    if [ -e "$folder/started" ] && [ ! -d "$kept" ]; then
        # under another name until it is whole: what is kept is what `put_back` goes back to
        rm -rf "$kept$fresh"
        { said=$(cp -a "$folder" "$kept$fresh" 2>&1) && rm -f "$kept$fresh"/*"$fresh" && mv "$kept$fresh" "$kept"; } ||
            fall 'keeping the files of before' "${said##*: }"
    fi
    mkdir -p "$folder" && chmod 700 "$folder"
    if ! grep -q '[0-9a-f]' "$folder/secret" 2>/dev/null; then
        (umask 077; od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$folder/secret")
    fi
    place
    fill_in || fall 'writing the configuration' "can't write $folder/config.yml"
    note_files
}

# the host's secret into a configuration that has just come
fill_in() {
    grep -q '@SECRET@' "$folder/config.yml" 2>/dev/null || return 0
    awk 'NR == FNR { secret = $0; next } { sub(/@SECRET@/, secret) } 1' \
        "$folder/secret" "$folder/config.yml" >"$folder/config.yml$fresh" &&
        chmod 600 "$folder/config.yml$fresh" && mv -f "$folder/config.yml$fresh" "$folder/config.yml"
}

put_back() {
    [ -d "$kept" ] || return 0
    # one rename away from each other: neither is ever half there
    { [ ! -d "$folder" ] || mv "$folder" "$folder$fresh"; } && mv "$kept" "$folder"
    rm -rf "$folder$fresh"
}

# what was being made when a run was cut off; and a way back that was, which has no files any more, goes on
sweep() {
    rm -rf "$kept$fresh" "$folder$fresh" "${folder:?}"/*"$fresh"
    [ -e "$folder/started" ] || put_back
}

# Root's, from its mark to what the container gets of it. No container of ours runs meanwhile: an older version's has
# the whole folder, and could lay a link in our way
take_data() {
    { mkdir -p "$data" && chown "$(id -u):$(id -g)" "$data/." && chmod go-w "$data/."; } ||
        fall 'making the data folder' "$data isn't writable"
    case $(whose_data) in
        "of $site") ;;
        free) (set -C; printf '%s\n' "$site" >"$mark") || fall 'making the data folder' "$mark can't be written" ;;
        *) fall 'making the data folder' "$data isn't ours any more" ;;
    esac
    { [ ! -L "$writable" ] && mkdir -p "$writable"; } || fall 'making the data folder' "$writable is no folder"
}

note_data() { marked && printf '%s\n' "$inodes $device $boot" >"$noted"; }

# what the container has just started with, for the next probe; $1 is when it started
note_start() {
    printf '%s\nconfigured %s\nstarted-at %s\n' "$chain" "$(digest_of config.yml)" "$1" >"$folder/started"
}
