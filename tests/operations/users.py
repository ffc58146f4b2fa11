"""Users of a host, who are no friends of ours: real ones, by their numbers, in a folder that they can reach."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from anchorline.fleet import words
from anchorline.fleet.scripts import File, script, source, stdin
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust, read
from anchorline.trust.scripts import TrustProbe
from tests.operations.folder import NOTHING_ELSE, Folder, executable
from tests.unit.tools import lacking

NAME = ".config/docker/certs.d/r.example.com"
ANCHOR = "anchorline-blue-0123456789ab.crt"
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
JOE, MARY = 54321, 54322
"""Users whom no file of this machine knows; a ``getent`` of the host's may."""
KEPT = "root's own\n"


@contextmanager
def a_host(shell: list[str]) -> Iterator[Host]:
    """A folder that plays a host's root, which users can walk into, as they can't into pytest's."""
    if os.geteuid():
        lacking("users are played by root alone")
    folder = Path(tempfile.mkdtemp(prefix="anchorline-host-"))
    folder.chmod(0o755)
    try:
        yield Host(folder, shell)
    finally:
        shutil.rmtree(folder)


class Host(Folder):
    """A host with a user, joe, and what is root's alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.home = self.root / "home/joe"
        self.secret = self.root / "secret"
        self.home.mkdir(parents=True)
        self.secret.mkdir(mode=0o700)
        (self.secret / "file").write_text(KEPT)
        (self.secret / "file").chmod(0o600)
        # `su` is for hosts without util-linux; `getent` knows joe
        self.tool("getent", f'[ "$1 $2" != "passwd joe" ] || echo "joe:x:{JOE}:{JOE}::{self.home}:/bin/sh"')
        self.give(self.home)

    def give(self, *paths: Path, to: int = JOE) -> None:
        for path in paths:
            os.chown(path, to, to, follow_symlinks=False)

    def folder(self, name: str, owner: int = JOE, mode: int = 0o755) -> Path:
        """A folder in the home, each step of it the user's."""
        path = self.home
        for part in Path(name).parts:
            path = path / part
            if not path.exists():
                path.mkdir()
                path.chmod(mode)
                self.give(path, to=owner)
        return path

    def secrets(self) -> list[tuple[str, int, int, int, bytes]]:
        """All that root alone has, as it lies."""
        found = []
        for path in (self.secret, *sorted(self.secret.rglob("*"))):
            at = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found.append((str(path), at.st_mode, at.st_uid, at.st_nlink, content))
        return found

    def puts(self, *files: File) -> tuple[int, str, str]:
        """A change that brings these files, as every change does."""
        text = script("fleet/shell/words.sh", "fleet/shell/users.sh", "fleet/shell/files.sh") + "receive\nplace\n"
        done = self.run(text, stdin(files))
        return done.returncode, words.decode(done.stdout), done.stderr

    def program(self, path: Path, owner: int = 0) -> Path:
        """A program that tells, by a file, that root ran it. Returns the file."""
        told = self.secret / f"{path.name}-ran"
        executable(path, f'[ "$(id -u)" != 0 ] || : >"{told}"; [ "$1" != -version ]')
        os.chown(path, owner, owner)
        return told


def wanted_of(stores: tuple[str, ...]) -> DesiredTrust:
    """A site that wants these stores, and no CA in them."""
    return DesiredTrust("blue", (), frozenset(), (), stores, (), "")


def certificate(host: Host, place: Path, name: str = ANCHOR, text: str = PEM) -> Path:
    """An anchor as it lies in a user's folder."""
    file = place / name
    file.write_text(text)
    host.give(file)
    return file


def looks(host: Host, text: str = "", **values: str) -> list[str]:
    given = TrustProbe.of("blue").values() | NOTHING_ELSE
    given |= {"runtimes": "", "families": "", "release": "/nonexistent", "hosts": "/nonexistent"}
    given |= {"nicknames": f"{ANCHOR} AB:CD", "state": f"{host.root}/state", "data": ""} | values
    return host.says(script(*TrustProbe.sources, **given) + text).splitlines()


def trust(lines: Sequence[str]) -> ObservedTrust:
    return read(lines, "blue")


def short_of_patience(name: str) -> str:
    """Shell of ours that waits for a user 1 s in the place of 20."""
    return source(name).replace("timeout -k 2 20", "timeout -k 1 1").replace("timeout 25", "timeout 3")
