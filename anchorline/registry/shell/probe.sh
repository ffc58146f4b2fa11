# What a host has of an instance: the runtime, the container and whose it is, the image, the port, the data folder, and
# how its own files lie.
# From control: $name, $image, $data, $writable, $listen (address), $port, $host, $tls, $folder, $files, $before.

: "${name?}"
: "${image?}"
: "${writable?}"
: "${port?}"
: "${folder?}"
: "${files?}"
: "${before?}"

runtime_there || { echo 'runtime missing'; exit 0; }
said=$(runtime_version) || { tell runtime down "$(printf "%s\n" "$said" | grep . | tail -n 1)"; exit 0; }
tell runtime up "$said"

for each in "$name" "$name-before"; do
    said=$(container_labels "$each") && printf '%s\n' "$said" | head -n 1 | tell_lines container
done
image_id "$image" | tell_lines image
container_began "$name" | tell_lines at

# whose it is, ss tells, where it is there
if listening "$port" /proc/net; then
    tell port "$(ss -Hltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)".*/\1/p' | head -n 1)"
fi

whose_data | tell_lines data
[ ! -e "$noted" ] || echo noted
echo "free $(left_at "$writable")"
sed '1s/^/started /' "$folder/started" 2>/dev/null | tell_each
sed -n '1s/^#.*/external/p' "$folder/ca.pem" 2>/dev/null
for each in "$before" "$before.anchorline-new" "$folder.anchorline-new" "$folder"/*.anchorline-new; do
    [ ! -e "$each" ] || { echo 'cut off'; break; }
done
printf '%s\n' "$files" | while read -r secrecy each; do
    state=$(state_of "$each")
    digest=''
    [ "$state" = missing ] || [ "$secrecy" = secret ] || digest=$(digest_of "$each")
    echo "file $state $each $digest"
done
[ ! -s "$memory" ] || case $(state_of ca.pem) in changed | missing) unverified=yes ;; esac
tell health "$(healthy 2>&1 | tail -n 1)"
