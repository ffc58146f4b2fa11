"""The control group that holds all processes of all hosts, and in it a group for each.

It is found through a mount of our own, since a machine may have its hierarchy of cgroup v2 anywhere, or nowhere.
"""

from __future__ import annotations

import subprocess

from lab.errors import LabError

CGROUP = "anchorline-lab"

# Whatever is in our group was started by the lab, also by an `up` that was killed before it could note a process id.
SWEEP = """
set -eu
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cd /sys/fs/cgroup
[ -d "$1" ] || exit 0
echo 1 >"$1/cgroup.kill"
for wait in $(seq 100); do grep -q '^populated 0' "$1/cgroup.events" && break; sleep 0.05; done
find "$1" -depth -type d -exec rmdir '{}' +
"""


def sweep(host: str = "") -> None:
    """End what is left in the group of a host, or of all, and remove it."""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SWEEP, "sweep", f"{CGROUP}/{host}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"the lab's control group could not be removed: {done.stderr.strip()}")
