# The stamp of the last round trip that this client passed. From control: $state.
: "${state?}"

head -c 200 "$state/verified" 2>/dev/null
true
