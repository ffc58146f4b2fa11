# whose PATH: who could change what lies there, or the way to it. Sets $whose to root where nobody else could, to a user's
# number where that one alone could, else to nothing; $blame is the first thing on the way that isn't root's alone. A way
# that is root's can't be raced: each step stands in a folder that only root can write to. What isn't there is its folder's.

whose() {
    blame=$(steps "$1" | first_other)
    case $blame in '') whose=root ;; *) whose=${blame%% *} blame=${blame#* } ;; esac
}

# surely PATH: whether root alone can say which file this is, by the folders on its way and by links; whoever owns the file
surely() {
    whose "$1"
    [ "$whose" = root ] || [ "$blame" = "$(readlink -f "$1")" ]
}

# every step of a path that is there, its links followed, a line each: UID GID MODE PATH
steps() {
    at='' rest=$1 hops=0
    set -- /
    while [ -n "$rest" ]; do
        step=${rest%%/*}
        case $rest in */*) rest=${rest#*/} ;; *) rest= ;; esac
        case $step in
            '' | .) continue ;;
            ..) at=${at%/*} && continue ;;
        esac
        set -- "$@" "$at/$step"
        if [ -L "$at/$step" ] && [ "$hops" -lt 40 ]; then
            hops=$((hops + 1))
            to=$(readlink "$at/$step")
            case $to in /*) at= ;; esac
            rest=$to/$rest
        else
            at=$at/$step
            [ -e "$at" ] || break
        fi
    done
    stat -c '%u %g %A %n' "$@" 2>/dev/null
}

# the first of these steps that somebody else could change, after that user's number where it is one
first_other() {
    sticky=' /' # where nothing can be told
    while read -r uid gid mode step; do
        if [ "$uid" != 0 ] && [ "$uid" != "$(stat -Lc %u /proc/self)" ]; then
            echo "$uid $step"
            return
        fi
        sticky=
        case $mode in
            l*) continue ;;
            ????????w*) ;;
            ?????w*) shared "$gid" "$step" || continue ;;
            *) continue ;;
        esac
        # in a sticky folder nobody can take root's away, but anybody can make what isn't there
        case $mode in d*[tT]) sticky=" $step" ;; *) echo " $step" && return ;; esac
    done
    printf %s "$sticky"
}

# whether somebody but root is in the group that can write to $2, or a list names others (acl(5)): Debian's staff, whose
# /usr/local is, is empty
shared() {
    case $(ls -ld "$2") in ??????????+*) return 0 ;; esac
    [ "$1" != 0 ] || return 1
    members=$({ getent group "$1" 2>/dev/null || grep "^[^:]*:[^:]*:$1:" /etc/group; } | cut -d : -f 4)
    case $members in
        '' | root) awk -F : -v gid="$1" '$4 == gid && $3 != 0 { found = 1 } END { exit !found }' /etc/passwd ;;
    esac
}
