"""One host of the lab: an overlay on its layer, booted by systemd-nspawn.

All its mounts are made in a mount namespace of its own, so the machine's mount table never shows them and they are gone
with its last process.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from lab.control_group import CGROUP, sweep
from lab.errors import LabError
from lab.hosts import PREFIX_LENGTH, SSHD, Host
from lab.network import BRIDGE, Network

CONNECTION = ".ssh"

# An overlay can't lie on an overlay, so what keeps images in overlays gets folders of the machine's own disk.
DATA = {"docker": "/var/lib/docker", "containerd": "/var/lib/containerd", "containers": "/var/lib/containers"}

# Where systemd is, in a root file system that has it.
INITS = ("usr/lib/systemd/systemd", "lib/systemd/systemd")

# Every step replaces the one before, so the process noted first is the one that holds the host to its end.
# On a machine with cgroup v1, systemd in the host still needs cgroup v2: it gets it in this namespace alone.
START = """
set -eu
fields=$(cat /proc/$$/stat)
echo "$$ $(echo "${fields##*) }" | cut -d ' ' -f 20)" >pid.new && mv pid.new pid

[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
group=/sys/fs/cgroup/$CGROUP/$HOST
mkdir -p "$group"
for controller in $(cat "${group%/*}/cgroup.controllers"); do
	echo "+$controller" >"${group%/*}/cgroup.subtree_control" || :
done
echo $$ >"$group/cgroup.procs"

mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
mount -t overlay overlay -o lowerdir=layer:image,upperdir=upper,workdir=work root

# The link is made from here, so that it needs nothing of the host; it is gone with the last process in the namespace.
# Its hardware address is the same after each boot: others keep it in mind for a minute.
hardware=$(printf '02:00:00:00:00:%02x' "${ADDRESS##*.}")
link="host${ADDRESS##*.}"
in_lab() { nsenter --net="$NETWORK" -- "$@"; }
touch net
unshare --net=net ip link set lo up
in_lab ip link delete "$link" 2>/dev/null || :
in_lab ip link add "$link" type veth peer name host0 address "$hardware" netns "$PWD/net"
in_lab ip link set "$link" master "$BRIDGE" up
nsenter --net=net -- ip address add "$ADDRESS/$PREFIX_LENGTH" dev host0
nsenter --net=net -- ip link set host0 up
exec "$@"
"""

UNSHARE = ("unshare", "--mount", "--propagation", "private")

START_SECONDS = 5
POWER_OFF_SECONDS = 25
KILL_SECONDS = 10


def start_time(pid: int) -> str | None:
    """When the process began, in clock ticks since boot (proc(5), field 22); None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


class Machine:
    """A host's processes and files on this machine; `folder` holds all that it writes."""

    def __init__(self, host: Host, folder: Path, network: Network) -> None:
        self.host = host
        self.folder = folder
        self.network = network

    def pid(self) -> int | None:
        """The process that holds the host, if it is alive: its start time tells it from a later one of that number."""
        try:
            number, began = (self.folder / "pid").read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(number) if start_time(int(number)) == began else None

    def running(self) -> bool:
        return self.pid() is not None

    def recipe(self) -> str | None:
        """The name of the layers that the host was made from; None when there is no such host yet."""
        try:
            return (self.folder / "layer").readlink().parts[-3]
        except FileNotFoundError:
            return None

    def start(self, image: Path, layers: Path) -> None:
        """Boot the host; on what it wrote before, if it wrote anything."""
        if self.recipe() not in (None, layers.name):
            raise LabError(f"{self.host.name} was made from another recipe of the lab: `python -m lab up --fresh`")
        for name in ("upper", "work", "root", *DATA):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        # Links, because a path in an overlay's options must have no comma and no colon.
        for name, target in {"image": image, "layer": layers / self.host.name / "upper"}.items():
            (self.folder / name).unlink(missing_ok=True)
            (self.folder / name).symlink_to(target)
        (self.folder / "pid").unlink(missing_ok=True)
        with (self.folder / "console.log").open("ab") as console:
            # Not a child of ours: the host outlives the command that starts it.
            subprocess.run(
                ["setsid", "--fork", *UNSHARE, "sh", "-c", START, "start", *self.nspawn()],
                cwd=self.folder,
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                check=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not (self.folder / "pid").exists():
            if time.monotonic() > deadline:
                raise LabError(f"{self.host.name} did not start: {self.last_words()}")
            time.sleep(0.01)

    def environment(self) -> dict[str, str]:
        return {
            "CGROUP": CGROUP,
            "HOST": self.host.name,
            "ADDRESS": self.host.address,
            "PREFIX_LENGTH": str(PREFIX_LENGTH),
            "BRIDGE": BRIDGE,
            "NETWORK": str(self.network.handle),
            # a host may set what belongs to its network, as Docker does
            "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
        }

    def nspawn(self) -> list[str]:
        boots = any((self.folder / "image" / init).exists() for init in INITS)
        return [
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--directory=root",
            f"--machine={self.host.name}",
            f"--network-namespace-path={self.folder / 'net'}",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=passive",
            # What Docker, Podman and containerd need to make containers inside.
            "--capability=all",
            "--system-call-filter=add_key keyctl bpf",
            *(f"--bind={self.folder / name}:{place}" for name, place in DATA.items()),
            *(("--boot",) if boots else ("--as-pid2", *SSHD)),
        ]

    def last_words(self) -> str:
        said = (self.folder / "console.log").read_text(errors="replace").strip().splitlines()
        return said[-1] if said else "it said nothing"

    def shared(self, user: str) -> dict[str, object]:
        """Options of ssh_config(5) for one connection that all commands of a user share: it stays open for a while."""
        return {"ControlMaster": "auto", "ControlPath": self.folder / f"{user}{CONNECTION}", "ControlPersist": 20}

    def hang_up(self) -> None:
        """End the connections that are open still, and see their sockets gone."""
        for socket in self.folder.glob(f"*{CONNECTION}"):
            subprocess.run(["ssh", "-F", "none", f"-oControlPath={socket}", "-Oexit", "-"], capture_output=True)
            deadline = time.monotonic() + 1
            while socket.exists() and time.monotonic() < deadline:
                time.sleep(0.005)
            socket.unlink(missing_ok=True)

    def power_off(self) -> None:
        """Shut down in order, as `systemctl poweroff` in the host does; its disk stays."""
        self.hang_up()
        self.signal(signal.SIGTERM)
        if not self.wait(POWER_OFF_SECONDS):
            self.kill()

    def kill(self) -> None:
        """End the process that holds the host at once; what is left of the others is swept up."""
        self.signal(signal.SIGKILL)
        if not self.wait(KILL_SECONDS):
            raise LabError(f"{self.host.name} does not end: process {self.pid()} outlives SIGKILL")

    def remove(self) -> None:
        """End the host, and forget what it wrote."""
        self.hang_up()
        self.kill()
        sweep(self.host.name)
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def signal(self, number: int) -> None:
        if pid := self.pid():
            os.kill(pid, number)

    def wait(self, seconds: float) -> bool:
        """Has the host ended within so many seconds?"""
        deadline = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True
