# What one host sees of the registry: its address, the way there, the certificates served, proxies, the clock.
# Changes nothing. From control: $name (without brackets), $host (with them), $port; $name is empty without a registry.
: "${name?}"
: "${host?}"
: "${port?}"

echo "clock $(date +%s)"
[ -n "$name" ] || exit 0

addresses=$(getent ahosts "$name" 2>/dev/null | awk '!seen[$1]++ { print $1 }')
[ -z "$addresses" ] || printf '%s\n' "$addresses" | tell_lines address

# the way, and the certificates: openssl and curl both show what is served, whoever issued it
if command -v openssl >/dev/null; then
    said=$(timeout 8 openssl s_client -connect "$host:$port" -servername "$name" -showcerts </dev/null 2>&1)
elif command -v curl >/dev/null; then
    said=$(timeout 8 curl -ksS --noproxy '*' -o /dev/null -w '%{certs}' "https://$host:$port/v2/" 2>&1)
else
    said='neither curl nor openssl is there'
fi
code=$?
case $code,$said in
    *'-----BEGIN CERTIFICATE-----'*) echo 'reachability open' ;;
    *[Rr]efused*) echo 'reachability refused' ;;
    *nreachable* | *'No route'* | *'not permitted'* | *'timed out'* | 124,*) echo 'reachability closed' ;;
    *'neither curl nor openssl'*) echo "reachability unknown" ;;
    *) echo 'reachability odd' ;;
esac
printf '%s\n' "$said" | bodies | tell_lines served

# a rule of this host's own firewall that names the port or the address
nft -a list ruleset 2>/dev/null | awk -v port="$port" -v addresses=" $(printf '%s' "$addresses" | tr '\n' ' ') " '
    $1 == "table" { family = $2; table = $3 }
    $1 == "chain" { chain = $2 }
    / (drop|reject)/ {
        for (i = 1; i < NF; i++) {
            hit = ($i == "dport" && $(i + 1) == port) || ($i == "daddr" && index(addresses, " " $(i + 1) " "))
            if (hit) { print "rule", family, table, chain, $NF; next }
        }
    }' | tell_each

# who would ask a proxy for it: "proxy UNIT URL NO_PROXY", - for nothing
if command -v dockerd >/dev/null; then
    # docker info ends with 0 whether the daemon answers or not
    said=$(timeout 5 docker info --format \
        '{{if .ServerVersion}}proxy docker {{or .HTTPSProxy "-"}} {{or .NoProxy "-"}}{{end}}' 2>/dev/null)
    if [ -n "$said" ]; then printf '%s\n' "$said" | tell_each
    else
        # in the words that the registry's probe has for it
        tell down docker "$(timeout 5 docker version --format "{{.Server.Version}}" 2>&1 | grep . | tail -n 1)"
    fi
elif [ -S /run/containerd/containerd.sock ]; then
    pid=$(pidof containerd)
    tr '\0' '\n' 2>/dev/null <"/proc/${pid%% *}/environ" | awk -F= '
        { value = substr($0, length($1) + 2); set[toupper($1)] = value }
        END {
            url = set["HTTPS_PROXY"]
            no = set["NO_PROXY"]
            print "proxy", "containerd", (url == "" ? "-" : url), (no == "" ? "-" : no)
        }' | tell_each
fi
url=${https_proxy:-$HTTPS_PROXY} no=${no_proxy:-$NO_PROXY}
tell proxy - "${url:--}" "${no:--}"

# what a program sees that takes the system's roots
if command -v curl >/dev/null; then
    (unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE; curl -sS --noproxy '*' --max-time 8 -o /dev/null "https://$host:$port/v2/" 2>/dev/null)
    echo "curl $?"
fi
