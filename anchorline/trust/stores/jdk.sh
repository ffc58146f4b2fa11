# keeper KEYTOOL KEYSTORE: sets $keeper to root where nobody else could have a hand in a JDK and in its keystore; else to the
# one user who could, or to nothing, and $blame to the first thing that isn't root's. Root runs no program of others.

keeper() {
    whose "$1"
    keeper=$whose
    if [ "$keeper" = root ]; then
        # its libraries run as well, and a link to it leads to those of another JDK
        jdk=$(readlink -f "$1")
        jdk=${jdk%/bin/*}
        [ -d "$jdk/lib/security" ] || jdk=${1%/bin/*}
        blame=$(find -H "${1%/bin/*}" "$jdk" ! -type l \( ! -user 0 ! -user "$(stat -Lc %u /proc/self)" -o -perm -002 \
            -o -perm -020 ! -group 0 \) -print 2>/dev/null | head -n 1)
        [ -z "$blame" ] || keeper=
    fi
    [ "$keeper" = root ] || return 0
    whose "$2"
    keeper=$whose
}
