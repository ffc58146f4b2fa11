# left_at: KiB that are left for a folder, which may not exist yet; nothing where that can't be told.

left_at() {
    there=$1
    while [ ! -d "$there" ]; do there=${there%/*} there=${there:-/}; done
    df -Pk "$there" 2>/dev/null | awk 'NR == 2 { print $4 }'
}
