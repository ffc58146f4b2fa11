"""A folder that plays a host's root: stand-ins for tools, a family's folders, and scripts run over it by a shell."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from anchorline.fleet.probe import Question
from anchorline.fleet.scripts import File, Value, script, state_folder, stdin
from anchorline.fleet.wire import join, split
from anchorline.trust import export, observed, plan, scripts
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust, read
from anchorline.trust.operations import folders
from anchorline.trust.plan import TrustPlan, difference, to_put
from anchorline.trust.processes import stale
from anchorline.trust.scripts import ApplyTrust, Layers, TrustProbe
from anchorline.trust.stores import families, runtimes
from anchorline.trust.stores.families import FAMILIES, Family

NOTHING_ELSE: dict[str, Value] = dict.fromkeys(("configurations", "owned_files", "site_bundle", "java", "jvms"), "")
"""What the probe is told where the stores that aren't folders of ours are tried elsewhere."""

# what /etc/os-release says there, as far as it matters
RELEASES = {
    "debian": 'ID=debian\nVERSION_ID="13"\n',
    "ubuntu": 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n',
    "gentoo": "NAME=Gentoo\nID=gentoo\n",
    "void": 'NAME="Void"\nID="void"\n',
    "arch": 'NAME="Manjaro Linux"\nID=manjaro\nID_LIKE=arch\n',
    "fedora": 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\n',
    "suse": 'NAME="openSUSE Leap"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\n',
    "alpine": 'NAME="Alpine Linux"\nID=alpine\n',
    "photon": 'NAME="VMware Photon OS"\nID=photon\n',
    "flatcar": 'NAME="Flatcar Container Linux by Kinvolk"\nID=flatcar\nID_LIKE=coreos\n',
    "nixos": "NAME=NixOS\nID=nixos\n",
}


def executable(file: Path, text: str = "") -> None:
    """Write a script."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@dataclass
class Folder:
    """A folder as a host's root, and a shell as the host's."""

    root: Path
    shell: list[str]

    def __post_init__(self) -> None:
        (self.root / "bin").mkdir(parents=True, exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """What its programs are given."""
        return {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "ROOT": str(self.root)}

    def tool(self, name: str, text: str = "") -> None:
        """A stand-in that comes before this machine's own."""
        executable(self.root / "bin" / name, text)

    def command(self, *words: str | Path, data: str = "", at: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program with the host's tools."""
        return subprocess.run(
            words, input=data, capture_output=True, text=True, env=self.environment, timeout=60, cwd=at
        )

    def run(self, text: str, data: str = "", *, before: str = "") -> subprocess.CompletedProcess[str]:
        """Run a script as a deploy does: as an argument, ``data`` on its standard input."""
        return self.command(*self.shell, "-c", before + text, data=data)

    def says(self, text: str, data: str = "", *, at: Path | None = None) -> str:
        """What a script says that does well."""
        done = self.command(*self.shell, "-c", text, data=data, at=at)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def left(self) -> list[str]:
        """What a script has left half done."""
        return [str(path) for path in self.root.rglob("*.anchorline-new")]

    def tree(self) -> dict[str, tuple[int, str]]:
        """Every file here but the stamps, with its mode."""
        return {
            str(path): (path.stat().st_mode, path.read_text())
            for path in self.root.rglob("*")
            if path.is_file() and path.name != "changed"
        }


@dataclass
class System(Folder):
    """A folder laid out as a family's. Its update makes a bundle and hash links; ``stand`` moves the tables here."""

    row: Family = FAMILIES[0]

    def __post_init__(self) -> None:
        super().__post_init__()
        moved = self.moved
        for path in (moved.told_by, Path(moved.bundle).parent, moved.hashed or moved.told_by, self.root / "etc"):
            Path(path).mkdir(parents=True, exist_ok=True)
        self.release(RELEASES.get(self.row.name, ""))
        self.hosts.write_text("127.0.0.1 localhost\n")
        # this machine's own openssl doesn't know of the folder's bundle
        openssl = f'case $* in *-no-CAfile*|rehash*) exec {shutil.which("openssl")} "$@" ;; esac'
        self.tool("openssl", openssl)
        bundle = f'set -- {moved.folder}/*{moved.suffix}; [ -f "$1" ] || set -- /dev/null; cat "$@" >{moved.bundle}\n'
        links = f"cp {moved.folder}/* {moved.hashed}/ 2>/dev/null; openssl rehash {moved.hashed}"
        self.updates(openssl if self.row.name == "photon" else bundle + links * bool(moved.hashed))
        if moved.p11:
            executable(Path(moved.p11), f'for out; do :; done; cat {moved.folder}/* >"$out"')

    @property
    def hosts(self) -> Path:
        return self.root / "etc/hosts"

    @property
    def state(self) -> Path:
        """What the host keeps of the site ``blue``."""
        return Path(state_folder("blue"))

    @property
    def moved(self) -> Family:
        return self.under(self.row)

    def under(self, row: Family) -> Family:
        """The row with its paths under the folder."""
        here = str(self.root)
        command = row.command
        under = {
            each: getattr(row, each) and here + getattr(row, each)
            for each in ("folder", "bundle", "hashed", "p11", "beside", "blocklist")
        }
        commands = {
            each: here + getattr(row, each).replace(" /etc", f" {here}/etc").replace(">/etc", f">{here}/etc")
            for each in ("update", "repair")
        }
        assert all(text.startswith(here + command) for text in commands.values())
        return replace(row, sources=tuple(here + each for each in row.sources), **under, **commands)

    def stand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the paths of all tables lie under the folder."""
        here = str(self.root)
        rows = families.FAMILIES if self.row in families.FAMILIES else (self.row, *families.FAMILIES)
        monkeypatch.setattr(families, "FAMILIES", tuple(map(self.under, rows)))
        for name, each in list(runtimes.RUNTIMES.items()):
            used = tuple(here + word if word.startswith("/") else word for word in each.used)
            folder = here + each.folder if each.folder.startswith("/") else each.folder
            moved = replace(each, folder=folder, used=used, socket=each.socket and here + each.socket)
            monkeypatch.setitem(runtimes.RUNTIMES, name, moved)
        for module in (export, observed, plan, scripts):
            monkeypatch.setattr(module, "HOSTS", here + observed.HOSTS.removeprefix(here))
        for module, name in ((scripts, "OS_RELEASE"), (stale, "PROC"), (stale, "STAMPS")):
            monkeypatch.setattr(module, name, here + getattr(module, name))
        for name in ("fleet.scripts", "trust.scripts", "trust.export", "trust.operations"):
            for constant, path in (("STATE", "sites"), ("LOCK", "lock")):
                moved_to = f"{here}/var/lib/anchorline/{path}"
                monkeypatch.setattr(f"anchorline.{name}.{constant}", moved_to, raising=False)
        monkeypatch.setattr(stale, "HASHED", (f"{here}/etc/ssl/certs",))

    def release(self, text: str) -> None:
        (self.root / "etc/os-release").write_text(text)

    def updates(self, text: str) -> None:
        """Another update command."""
        executable(Path(self.moved.command), text)

    def look(self, wanted: DesiredTrust, site: str = "") -> ObservedTrust:
        """What trust's probe sees, joined and split as in a deploy."""
        anchors = [f"anchor {each.name} {''.join(each.pem.splitlines()[1:-1])}" for each in wanted.anchors]
        values = TrustProbe.of(site or wanted.site, (), wanted.anchors).values() | NOTHING_ELSE
        text, data = join({"trust": Question(script(*TrustProbe.sources, **values), anchors)}, "frame", 60)
        return read(split(self.says(text, data).splitlines(), "frame")["trust"], site or wanted.site)

    def apply(
        self, wanted: DesiredTrust, files: Sequence[File], *, data: str | None = None, before: str = "", **values: Value
    ) -> subprocess.CompletedProcess[str]:
        """Run trust's script with these files, and all of the site's anchors."""
        given: dict[str, Value] = {
            "site": wanted.site,
            "state": state_folder(wanted.site),
            **stale.Stamps.of(wanted.site).values(),
            **Layers.of(self.moved).values(),
            "lock": str(self.state.parent.with_name("lock")),
            "folders": "",
            "hosts": observed.HOSTS,
            "hosts_line": "",
            "update": self.moved.update,
            "anchors": [self.moved.path(each.name) for each in wanted.anchors],
            "digests": [each.sha256 for each in wanted.anchors],
            "summary": "a test",
            **dict.fromkeys(("merged", "unchanged", "tasks", "pems", "nicknames"), ""),
        }
        text = script(*ApplyTrust.sources, **given | values)
        return self.run(text, stdin(files) if data is None else data, before=before)

    def takes(self, has: ObservedTrust, wanted: DesiredTrust, change: TrustPlan) -> subprocess.CompletedProcess[str]:
        """Run trust's script for a plan, as operations.py does."""
        assert has.family is not None
        return self.apply(
            wanted,
            change.files,
            folders=folders(change.files),
            hosts_line=change.hosts_line,
            update=change.update,
            anchors=[has.family.path(each.name) for each in to_put(has, wanted)],
        )

    def rollout(self, wanted: DesiredTrust) -> TrustPlan:
        """What a rollout does here."""
        has = self.look(wanted)
        change = difference(has, wanted)
        done = self.takes(has, wanted, change)
        assert (done.returncode, done.stderr) == (0, ""), done
        return change

    @contextmanager
    def containerd(self) -> Iterator[None]:
        """Something listens at containerd's socket."""
        run = self.root / "run/containerd"
        run.mkdir(parents=True)
        before = Path.cwd()
        os.chdir(run)  # the path of a socket is short
        try:
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind("containerd.sock")
                yield
        finally:
            os.chdir(before)


Plays = Callable[[Family, list[str]], System]
"""Lays out a folder as a family's host, with a shell as its sh: the fixture ``plays``."""
