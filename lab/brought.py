"""Root file systems that somebody brings as a tar (`docker export`): each becomes one more client of the lab.

A container image has no use for most of what makes a host. It must bring sshd; the lab adds a configuration of its own
for it, and boots the system's systemd or, where there is none, runs sshd alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from lab.cache import artefact, tree
from lab.contained import contained
from lab.errors import LabError
from lab.hosts import BROUGHT, HOSTS, NONE, SSHD, Host

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")

UNPACK = """
set -eu
mkdir "$2"
tar --extract --file "$1" --directory "$2" --numeric-owner --xattrs --xattrs-include='*'
chroot "$2" /bin/sh -c 'command -v sshd >/dev/null || { echo "it has no sshd: install openssh-server in it"; exit 1; }'
"""

UNIT = f"""[Unit]
Description=The lab's way in
[Service]
ExecStart={SSHD[0]} {SSHD[1]} '{SSHD[2].replace("$", "$$")}'
[Install]
WantedBy=multi-user.target
"""
SSHD_CONFIG = """HostKey /etc/ssh/lab/host_key
AuthorizedKeysFile /etc/ssh/lab/authorized_keys
PasswordAuthentication no
PermitRootLogin prohibit-password
PidFile none
UseDNS no
MaxStartups 200:30:400
MaxSessions 100
"""
# What would ask questions at the first boot, take the host's link into its own hands, or run a second sshd.
MASKED = (
    *("systemd-firstboot.service", "systemd-networkd.service", "systemd-networkd.socket", "systemd-resolved.service"),
    *("NetworkManager.service", "firewalld.service", "console-getty.service", "getty.target"),
    *("ssh.service", "ssh.socket", "sshd.service", "sshd.socket"),
)


def bring(name: str, file: Path, present: Iterable[Host]) -> Host:
    """The host made of a tar, beside those that are there. Raises LabError, in one line."""
    others = {host.name: host for host in (*HOSTS, *present)}
    if not NAME.fullmatch(name):
        raise LabError(f"{name!r} is no name for a host: lower-case letters, digits and dashes, and a letter first")
    if not file.is_file():
        raise LabError(f"{file}: there is no such file")
    if not tarfile.is_tarfile(file):
        raise LabError(f"{file} is not a tar; `docker export CONTAINER` writes one")
    rootfs = str(unpacked(file))
    if name in others:
        if others[name].rootfs == rootfs:
            return others[name]
        raise LabError(f"the lab has a host {name} already: choose another name, or `python -m lab down` first")
    free = [address for address in BROUGHT if address not in {host.address for host in others.values()}]
    if not free:
        raise LabError(f"the lab takes {len(BROUGHT)} root file systems and has them: `python -m lab down` first")
    return Host(name, free[0], "brought", NONE, f"a client made of {file.name}", rootfs=rootfs)


def unpacked(file: Path) -> Path:
    """The artefact with the tar's content in `root`."""
    with file.open("rb") as handle:
        sha = hashlib.file_digest(handle, "sha256").hexdigest()

    def build(folder: Path) -> None:
        script = ["sh", "-c", UNPACK, "unpack", str(file.resolve()), str(folder / "root")]
        contained(f"{file} can't become a host", script)

    return artefact("rootfs", (sha, UNPACK), build)


def layer(host: Host, keys: Path) -> Path:
    """The artefact with the lab's own files for the host, in `HOST/upper`."""
    shadow = Path(host.rootfs) / "root/etc/shadow"
    texts = {
        "etc/hostname": f"{host.name}\n",
        "etc/hosts": f"127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t{host.name}\n",
        "etc/machine-id": hashlib.sha256(host.name.encode()).hexdigest()[:32] + "\n",
        "etc/resolv.conf": "",
        "etc/ssh/lab/sshd_config": SSHD_CONFIG,
        "etc/systemd/system/lab-sshd.service": UNIT,
    }
    links = {
        "etc/systemd/system/default.target": "/usr/lib/systemd/system/multi-user.target",
        "etc/systemd/system/multi-user.target.wants/lab-sshd.service": "../lab-sshd.service",
        **{f"etc/systemd/system/{unit}": "/dev/null" for unit in MASKED},
    }

    def build(folder: Path) -> None:
        upper = folder / host.name / "upper"
        for place, text in texts.items():
            put(upper / place).write_text(text)
        for place, target in links.items():
            put(upper / place).symlink_to(target)
        shutil.copy(keys / "id_ed25519.pub", upper / "etc/ssh/lab/authorized_keys")
        shutil.copy(keys / "brought_ed25519", upper / "etc/ssh/lab/host_key")
        if shadow.exists():
            # "*" is "no password"; "!" is "locked", and sshd refuses that even with a key
            unlocked = re.sub(r"(?m)^root:[^:]*:", "root:*:", shadow.read_text())
            put(upper / "etc/shadow").write_text(unlocked)
            (upper / "etc/shadow").chmod(0o600)

    inputs = (repr(host), *map(str, (texts, links)), *tree(keys))
    return artefact(f"layer-{host.name}", inputs, build)


def put(place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def load(file: Path) -> tuple[Host, ...]:
    """The hosts that were brought to the lab that is up."""
    rows = json.loads(file.read_text()) if file.exists() else []
    return tuple(Host(**row, runtime=NONE, userland="brought") for row in rows)


def save(file: Path, hosts: Sequence[Host]) -> None:
    rows = [{key: asdict(host)[key] for key in ("name", "address", "plays", "rootfs")} for host in hosts]
    file.write_text(json.dumps(rows))
