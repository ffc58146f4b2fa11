# What a status tells besides: the space that is left where trust is kept, and what the registry holds. Changes nothing.
# From control: $places (folders that may not exist yet), $container and $data (what it writes to) of the registry where
# it is this host's (else empty).
: "${places?}"
: "${container?}"
: "${data?}"

printf '%s\n' "$places" | while read -r place; do
    left=$(left_at "$place")
    [ -z "$left" ] || echo "left $left $place"
done

[ -n "$container" ] || exit 0
# the program itself: an image's name proves nothing, and its tag may have moved
timeout 10 docker exec "$container" /proc/1/exe --version 2>/dev/null |
    sed -n 's/.* v\{0,1\}\([0-9][0-9.]*[^ ]*\).*/version \1/p' | head -n 1 | tell_each
echo "used $(timeout 10 du -sk "$data" 2>/dev/null | cut -f 1)"
images=$data/registry/v2/repositories
if [ -d "$images" ]; then
    timeout 10 find "$images" -type d -name _manifests -prune 2>/dev/null | awk 'END { print "repositories", NR }'
    timeout 10 find "$images" -type d -path '*/_manifests/tags/*' -prune 2>/dev/null | awk 'END { print "tags", NR }'
else
    echo 'repositories 0'
    echo 'tags 0'
fi
