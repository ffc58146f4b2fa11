# How an instance's own files lie in its folder. digest_of NAME: of its content; state_of NAME: kept as it was written,
# changed, missing, or unknown where no digest was noted.
# From control: $folder.
: "${folder?}"

memory=$folder/files

# a configuration's digest is that of what control sent: without the secret that the host filled in
digest_of() {
    case $1 in
        config.yml)
            awk 'NR == FNR { secret = $0; next }
                secret != "" && (at = index($0, secret)) {
                    $0 = substr($0, 1, at - 1) "@SECRET@" substr($0, at + length(secret))
                } 1' "$folder/secret" "$folder/$1" 2>/dev/null | sha256sum ;;
        *) sha256sum <"$folder/$1" ;;
    esac | cut -d ' ' -f 1
}

# state_of NAME: whether it lies as it was written
state_of() {
    [ -f "$folder/$1" ] || { echo missing; return; }
    [ -s "$memory" ] || { echo unknown; return; }
    noted=$(sed -n "s/^\([0-9a-f]*\)  $1\$/\1/p" "$memory")
    [ "$noted" = "$(sha256sum <"$folder/$1" | cut -d ' ' -f 1)" ] && echo kept || echo changed
}
