"""The lab's network: a namespace with one bridge, and no way out.

It has no default route and no link to the machine's own network, so a packet for any other place is refused by the
kernel that made it. Whoever works with the hosts enters the namespace first, and is `CONTROLLER` there.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError
from lab.hosts import CONTROLLER, PREFIX_LENGTH

BRIDGE = "br0"
SETUP = f"""
set -eu
ip link set lo up
ip link add {BRIDGE} type bridge
ip address add {CONTROLLER}/{PREFIX_LENGTH} dev {BRIDGE}
ip link set {BRIDGE} up
"""


class Network:
    """A network namespace, kept by a mount on the file `handle`."""

    def __init__(self, handle: Path) -> None:
        self.handle = handle

    def exists(self) -> bool:
        """Is a namespace mounted on the handle? After a restart of the machine the file is still there, but empty."""
        try:
            return self.handle.stat().st_dev == Path("/proc/self/ns/net").stat().st_dev
        except FileNotFoundError:
            return False

    def create(self) -> None:
        self.handle.parent.mkdir(parents=True, exist_ok=True)
        self.handle.touch()
        # The bridge is made before the namespace gets its handle, so what has a handle is whole.
        command = ["unshare", f"--net={self.handle}", "sh", "-c", SETUP]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            self.delete()
            raise LabError(f"the lab's network could not be made: {done.stderr.strip()}")

    def delete(self) -> None:
        if self.exists():
            subprocess.run(["umount", self.handle], check=True)
        self.handle.unlink(missing_ok=True)

    def command(self, command: Sequence[str | os.PathLike[str]]) -> list[str]:
        """`command` as it must be called to run inside the network, with nothing else changed for it.

        Not `ip netns exec`: that mounts a new /sys, and systemd-nspawn would find no control groups there.
        """
        return ["nsenter", f"--net={self.handle}", "--", *(os.fspath(word) for word in command)]
