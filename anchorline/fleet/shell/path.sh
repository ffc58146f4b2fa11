# Programs are looked for in the folders of PATH that only root can write to, and then in the system's, which sudo's
# secure_path and a user's PATH both may lack; the rest of a script can then name tools plainly.

inherited=$PATH
PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin
IFS=:
set -f
# shellcheck disable=SC2086  # a word for each
set -- $inherited
set +f
unset IFS
inherited=
for each in "$@"; do
    case $each in *:* | [!/]* | '') continue ;; esac
    case :$PATH: in *":$each:"*) whose=root ;; *) whose "$each" ;; esac
    [ "$whose" != root ] || inherited=$inherited$each:
done
set --
export PATH="$inherited$PATH"
