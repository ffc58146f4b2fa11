# listening PORT FOLDER: whether somebody listens on a TCP port. FOLDER is /proc/net, or /proc/PID/net for the network
# that a process sees. No connection is made, and /proc tells of a listener on every system; in hexadecimal, see proc(5).

listening() {
    cat "$2/tcp" "$2/tcp6" 2>/dev/null |
        awk -v port=":$(printf '%04X' "$1")" '$4 == "0A" && $2 ~ port "$" { found = 1 } END { exit !found }'
}
