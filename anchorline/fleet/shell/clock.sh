# milliseconds: since this machine's start. No time server changes it, and no program is started for it.

milliseconds() {
    read -r up _ </proc/uptime
    echo "${up%.*}${up#*.}0"
}
