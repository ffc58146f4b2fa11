"""The control group that holds all processes of all hosts.

It is found through a mount of our own, since a machine may have its hierarchy of cgroup v2 anywhere, or nowhere.
"""

from __future__ import annotations

import subprocess

from lab.errors import LabError
from lab.machine import CGROUP

# Whatever is in our group was started by the lab, also by an `up` that was killed before it could note a process id.
SWEEP = f"""
set -eu
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cd /sys/fs/cgroup
[ -d {CGROUP} ] || exit 0
echo 1 >{CGROUP}/cgroup.kill
for wait in $(seq 100); do grep -q '^populated 0' {CGROUP}/cgroup.events && break; sleep 0.05; done
find {CGROUP} -depth -type d -exec rmdir '{{}}' +
"""


def sweep() -> None:
    """End what is left in the group, and remove it."""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SWEEP]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"the lab's control group could not be removed: {done.stderr.strip()}")
