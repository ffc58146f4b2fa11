# Runs $look, which reads our standard input, and bounds what it may cost: after $seconds all that it has begun is ended,
# and of what it prints $largest bytes are passed on.
# From control: $seconds, $largest.
: "${seconds?}"
: "${largest?}"
: "${look?}"

# It is a session of its own, all of whose processes can be ended at once: a timeout(1) of busybox ends its own child
# alone. The shell in between waits for a job, since a trap has to wait for any other child.
bounded() {
    if command -v setsid >/dev/null; then
        # shellcheck disable=SC2016  # for the shell in between
        timeout "$seconds" setsid sh -c 'trap "kill -KILL 0" TERM; exec 3<&0; sh -c "$1" <&3 & wait "$!"' sh "$look"
    else
        timeout -s KILL "$seconds" sh -c "$look"
    fi
    case $? in 124 | 137 | 143) echo "the look took longer than $seconds s, and was ended" >&2 ;; esac
}

bounded | head -c "$largest"
