"""The package as it was before a large change, out of the repository's own history, beside the present one.

Tests of live sites run both by their command lines, each in a process of its own, and see which package ran.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from lab import HOSTS as LAB_HOSTS
from lab import Lab
from tests.fleet.conftest import CHECKOUT, Result, Site

OLD = "20eb1c3dd4d1bd7da2460ee3291f766430c33388"
"""The last commit whose deploy.py and config.py have the old names."""

# at the end of each process: from where the package's modules came
WITNESS = """
import atexit, os, sys

@atexit.register
def tell():
    with open(os.environ["WITNESS"], "a") as file:
        for name, module in [*sys.modules.items()]:
            if name.partition(".")[0] == "anchorline" and getattr(module, "__file__", None):
                print(module.__file__, file=file)
"""
MAIN = """
try:
    from anchorline.cli.main import main
except ModuleNotFoundError:  # the old version's lay in a module
    from anchorline.cli import main
main()
"""


def unpack(folder: Path, commit: str = OLD) -> Path:
    """The whole tree of a commit."""
    command = ["git", "-C", str(CHECKOUT), "archive", "--format=tar", commit]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, f"{done.stderr.decode()}a clone without history? `git fetch --unshallow` brings it"
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


class Version:
    """The package in a tree, and its commands. ``scratch`` is a new folder for what the witness needs."""

    def __init__(self, tree: Path, lab: Lab, scratch: Path) -> None:
        self.tree, self.lab, self.seen = tree, lab, scratch / "seen"
        (scratch / "sitecustomize.py").write_text(WITNESS)
        self.path = os.pathsep.join(map(str, (scratch, tree)))

    @property
    def environment(self) -> dict[str, str]:
        """The present commands are found first as well, for a command that a message names."""
        commands = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        return {**os.environ, "PYTHONPATH": self.path, "WITNESS": str(self.seen), "PATH": commands}

    def run(self, folder: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """A command in a site's folder, in the lab's network. It ran this package, and nothing of another one."""
        self.seen.write_text("")
        done: subprocess.CompletedProcess[str] = self.lab.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=240,
            env=self.environment,
        )
        files = self.seen.read_text().split()
        assert files, f"no module of the package was loaded by {command}:\n{done.stdout}{done.stderr}"
        others = [each for each in files if not Path(each).is_relative_to(self.tree / "anchorline")]
        assert not others, f"another package ran: {others}"
        return done

    def pyinfra(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As a user types it."""
        return self.run(folder, [sys.executable, "-m", "pyinfra", *arguments])

    def anchorline(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As a user types it."""
        return self.run(folder, [sys.executable, "-c", MAIN, *arguments])

    def deploy(self, site: Site, *options: str) -> Result:
        """A deploy with --json, and what came of it."""
        return Result(self.pyinfra(site.folder, "-y", "--json", *options, "inventory", "deploy.py"), site.hosts)


class InitSite(Site):
    """A site that a version's `anchorline init` made for the lab's hosts, as a user would: without the checkout."""

    def __init__(self, folder: Path, version: Version, hosts: Sequence[str]) -> None:
        self.folder, self.lab, self.hosts = folder, version.lab, hosts
        self.pki = folder / "pki" / "production"
        address = {host.name: host.address for host in LAB_HOSTS}
        done = version.anchorline(
            folder.parent,
            *("init", folder.name, "--site", "production", "--registry", "registry.example.com"),
            *("--ip", address["registry"], "--clients", ",".join(address[each] for each in self.clients)),
            *("--user", "root"),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for name in (".lab", "images"):
            (folder / name).symlink_to(CHECKOUT / name)
        with (folder / "group_data/all.py").open("a") as file:
            file.write('ssh_key = ".lab/id_ed25519"\nssh_known_hosts_file = ".lab/known_hosts"\n')
        spec = folder / "anchorline.yml"
        text = spec.read_text()
        for written, ours in (
            ("image: registry:3 ", "image: registry:2.8.3 "),
            ("# archive: images/", "archive: images/"),
        ):
            assert written in text, f"{spec} has no {written!r} to be edited:\n{text}"
            text = text.replace(written, ours)
        spec.write_text(text)
