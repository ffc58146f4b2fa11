# Which processes began before the last change of the system's roots: what reads them once holds the old ones.
# From control: $proc (/proc), $stamps (a folder that a boot empties), $hashed (folders in which OpenSSL looks a certificate up by its hash).
: "${proc?}"
: "${stamps?}"
: "${hashed?}"

# stamp add|remove SHA256...: a change was made now. Now is awk's own start, on the clock of every process's start, so
# that neither a time server nor a container's own /proc/uptime (lxcfs) matters.
stamp() {
    what=$1
    shift
    read -r boot 2>/dev/null <"$proc/sys/kernel/random/boot_id" || return 0
    now=$(awk '{ sub(/.*\)/, ""); print $20; exit }' "$proc/self/stat")
    others=$(grep -s " $boot " "$stamps/changed" | grep -v "^$what ")
    (umask 022 && mkdir -p "$stamps") && printf '%s\n' ${others:+"$others"} "$what $boot $now $*" >"$stamps/changed"
}

# stale: one line for each process with a TLS stack that began before a change since this boot:
# "stale PID add|remove host|container STACK CGROUP NAME", and "stale hashed" where OpenSSL finds additions by itself
stale() {
    read -r boot 2>/dev/null <"$proc/sys/kernel/random/boot_id" && grep -qs " $boot " "$stamps/changed" || return 0
    for each in $hashed; do
        set -- "$each"/*.0
        [ ! -e "$1" ] || { echo 'stale hashed'; break; }
    done
    (cd "$proc" && scan)
}

scan() {
    # A name may hold anything, also ") " and line ends. The 20th word after it is the start (field 22 of proc(5)), the
    # 21st the memory, of which kernel threads have none.
    old=$(awk -v stamps="$stamps/changed" -v boot="$boot" '
        BEGIN {
            while ((getline line < stamps) > 0) { split(line, word, " "); if (word[2] == boot) at[word[1]] = word[3] + 0 }
            for (i = 1; i < ARGC; i++) {
                file = ARGV[i] "/stat"
                text = ""
                while ((getline line < file) > 0) text = text line " "
                close(file)
                sub(/.*\)/, "", text)
                if (split(text, field, " ") < 21 || field[21] + 0 == 0) continue
                if (field[20] + 0 < at["remove"] + 0) print ARGV[i], "remove"
                else if (field[20] + 0 < at["add"] + 0) print ARGV[i], "add"
            }
        }' [0-9]*)
    [ -n "$old" ] || return 0
    # the root folder tells a container, not the mount namespace: a service with PrivateTmp= has one of its own as well
    # shellcheck disable=SC2046  # names in /proc, which are numbers
    found=$({ printf '%s\n' "$old"; stat -Lc '%d:%i %n' 1/root $(printf '%s\n' "$old" | sed 's|\([0-9]*\) .*|\1/root \1/exe|') 2>/dev/null; } | awk '
        $2 == "add" || $2 == "remove" { pids[++count] = $1; change[$1] = $2; next }
        $2 == "1/root" { ours = $1; next }
        { split($2, part, "/"); if (part[2] == "root") root[part[1]] = $1; else program[part[1]] = $1 }
        END {
            for (i = 1; i <= count; i++) {
                pid = pids[i]
                if (!(pid in root)) continue
                file = pid "/maps"
                name = stack = ""
                while ((name == "" || stack == "" || stack == "openssl") && (getline line < file) > 0) {
                    if (name == "" && (at = index(line, "/"))) {
                        name = substr(line, at)
                        sub(/ \(deleted\)$/, "", name)
                        sub(/.*\//, "", name)
                        if (name ~ /^node(js)?$/) stack = "node"
                    }
                    if (stack != "" && stack != "openssl") continue
                    # where Go puts its heap on 64 bits, until 1.25
                    if (line ~ /^(c0|40)00000000-/) stack = "go"
                    else if (line !~ /\/(lib|_ssl)/) continue
                    else if (line ~ /\/libjvm\.so/) stack = "jvm"
                    else if (line ~ /\/libnode\.so/) stack = "node"
                    else if (line ~ /\/libnss3\.so/) stack = "nss"
                    else if (line ~ /\/libgnutls\.so/) stack = "gnutls"
                    else if (line ~ /\/libmbedtls\.so/) stack = "mbedtls"
                    else if (line ~ /\/(libssl\.so|libcurl[^\/]*\.so|_ssl\.)/) stack = "openssl"
                }
                close(file)
                if (name != "") print pid, change[pid], (root[pid] == ours ? "host" : "container"), (stack == "" ? "-" : stack), program[pid], name
            }
        }')
    [ -n "$found" ] || return 0
    # every Go program has this mark in its section .go.buildinfo; each file is read once, whoever runs it
    # shellcheck disable=SC2046  # the same
    go=$(grep -lsF ' Go buildinf:' $(printf '%s\n' "$found" | awk '($4 == "-" || $4 == "openssl") && !seen[$5]++ { print $1 "/exe" }') /dev/null)
    printf '%s\n' "$go" '=' "$found" | awk '
        $1 == "=" { rest = 1; next }
        !rest { sub(/\/exe$/, ""); first[$1] = 1; next }
        { lines[++count] = $0; if ($1 in first) go[$5] = 1 }
        END {
            for (i = 1; i <= count; i++) {
                $0 = lines[i]
                if ($5 in go) $4 = "go"
                if ($4 == "-") continue
                file = $1 "/cgroup"
                group = "/"
                while ((getline line < file) > 0) {
                    sub(/^[^:]*:[^:]*:/, "", line)
                    if (length(line) > length(group)) group = line
                }
                close(file)
                gsub(/ /, "_", group)
                $5 = group
                print "stale", $0
            }
        }'
}
