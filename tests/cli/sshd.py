"""OpenSSH's sshd on the loopback, with keys of its own. Whoever logs in can do nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.tools import lacking

_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
{keys}
AuthorizedKeysFile {folder}/user.pub
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
ForceCommand /bin/false
"""


def keygen(file: Path, kind: str = "ed25519") -> Path:
    """A new key in this file."""
    for each in (file, file.with_name(f"{file.name}.pub")):
        each.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(file)], check=True)
    return file


def fingerprint(file: Path) -> str:
    """As OpenSSH tells it."""
    command = ["ssh-keygen", "-lf", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1]


@dataclass
class Sshd:
    """One host: its folder has ``host``, its key, and ``user``, the key that it lets in."""

    folder: Path
    port: int
    kinds: tuple[str, ...] = ("ed25519",)

    @property
    def entry(self) -> str:
        """What known_hosts calls it."""
        return f"[127.0.0.1]:{self.port}"

    def key(self, kind: str = "ed25519") -> Path:
        return self.folder / f"host_{kind}"

    def made_anew(self) -> None:
        """As after a new installation: other keys."""
        for kind in self.kinds:
            keygen(self.key(kind), kind)

    @contextmanager
    def up(self) -> Iterator[None]:
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        program = program or lacking("sshd isn't here: apt-get install openssh-server")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        keys = "\n".join(f"HostKey {self.key(kind)}" for kind in self.kinds)
        config = self.folder / "sshd_config"
        config.write_text(_CONFIG.format(port=self.port, keys=keys, folder=self.folder))
        with (self.folder / "log").open("wb") as log:
            running = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=log)
        try:
            self._wait(running)
            yield
        finally:
            running.terminate()
            running.wait(10)

    def _wait(self, running: subprocess.Popen[bytes]) -> None:
        for _ in range(100):
            assert running.poll() is None, (self.folder / "log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except ConnectionRefusedError:
                time.sleep(0.05)
            else:
                return
        pytest.fail("sshd doesn't listen")


def host(folder: Path, *kinds: str) -> Sshd:
    """A host that isn't up yet, at a port that is free."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        made = Sshd(folder, free.getsockname()[1], kinds or ("ed25519",))
    made.made_anew()
    keygen(folder / "user")
    return made
