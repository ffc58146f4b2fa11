# apart: run a program in a session of its own. A signal to our process group (Ctrl-C, a service that is stopped) leaves
# it alone, so that the runtime isn't left with half of what it was asked for.

apart() {
    if command -v setsid >/dev/null; then setsid "$@"; else "$@"; fi
}
