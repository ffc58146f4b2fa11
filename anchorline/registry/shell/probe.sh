# What a host has of the registry: the runtime, the container and whose it is, the image, the port, the data folder.
# From control: $site, $state, $name, $image, $data, $listen (address), $port, $host, $tls.

[ -x "$(command -v docker)" ] || { echo 'runtime missing'; exit 0; }
said=$(docker version --format "{{.Server.Version}}" 2>&1) || { echo "runtime down $(printf "%s\n" "$said" | grep . | tail -n 1)"; exit 0; }
echo "runtime up $said"

for each in "$name" "$name-before"; do
    docker container inspect --format \
        'container {{.Name}} {{.State.Status}} {{.Id}} {{with index .Config.Labels "anchorline.site"}}{{.}}{{end}} {{with index .Config.Labels "anchorline.spec"}}{{.}}{{end}}' \
        "$each" 2>/dev/null
done
docker image inspect --format 'image {{.Id}}' "$image" 2>/dev/null

# /proc tells of a listener on every system, in hexadecimal; ss its name, where it is there
hex=$(printf '%04X' "$port")
if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port=":$hex" '$4 == "0A" && $2 ~ port "$" { found = 1 } END { exit !found }'; then
    echo "port $(ss -Hltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)".*/\1/p' | head -n 1)"
fi

if [ -e "$data" ]; then
    if [ ! -d "$data" ]; then echo 'data file'
    elif [ -f "$data/.anchorline" ]; then echo "data $(head -n 1 "$data/.anchorline")"
    elif [ -n "$(ls -A "$data" 2>/dev/null)" ]; then echo 'data foreign'
    fi
fi
echo "free $(df -Pk "$(d=$data; while [ ! -d "$d" ]; do d=${d%/*}; d=${d:-/}; done; echo "$d")" | awk 'NR == 2 { print $4 }')"
sed 's/^/started /' "$state/registry/started" 2>/dev/null
sed -n '1s/^#.*/brought/p' "$state/registry/ca.pem" 2>/dev/null
echo "health $(healthy 2>&1 | tail -n 1)"
