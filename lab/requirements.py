"""What a machine must have to run the lab. The Debian packages are listed in `packages.txt` for `make setup`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

# Whoever signs Debian; a machine that runs Ubuntu has its own.
DEBIAN_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"

# Which of the packages in packages.txt brings a command.
COMMANDS = {
    "dpkg-deb": "dpkg",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}
FILES = {DEBIAN_KEYS: "debian-archive-keyring"}

# Each is tried for real, in an empty folder and in namespaces that end with it.
TRIALS = {
    "network namespaces with bridges": "unshare --net ip link add br0 type bridge",
    "control groups of version 2": "mkdir group && mount -t cgroup2 cgroup2 group",
    "overlays of folders on its disk": (
        "mkdir lower upper work root && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root"
    ),
}


def missing(folder: Path) -> str | None:
    """What keeps this machine from running a lab in `folder`, and what to do about it; None when nothing does."""
    if why := not_root():
        return why
    if not shutil.which("apt-get"):
        return "the lab needs a Debian or Ubuntu machine (it builds its hosts with apt): use one, or a virtual machine"
    packages = {package for command, package in COMMANDS.items() if not shutil.which(command)}
    packages |= {package for file, package in FILES.items() if not Path(file).exists()}
    if packages:
        return f"the lab needs packages that are not installed: `apt-get install {' '.join(sorted(packages))}`"
    for what, trial in TRIALS.items():
        if not works(trial, folder):
            return (
                f"this machine offers no {what} (tried in {folder}):"
                " use a virtual machine, or a container that is allowed to mount"
            )
    return None


def not_root() -> str | None:
    """The word for whoever isn't root."""
    return "the lab starts and ends real hosts and needs root: run it with sudo" if os.geteuid() != 0 else None


def works(trial: str, folder: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix=".anchorline-lab-", dir=folder) as place:
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", trial]
        return subprocess.run(command, cwd=place, capture_output=True).returncode == 0
