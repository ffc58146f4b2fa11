"""The README, followed to the letter in a fresh clone with a virtual environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab import Lab
from tests.cli.terminal import typed
from tests.fleet.conftest import CHECKOUT

pytestmark = [pytest.mark.fleet, pytest.mark.drill, pytest.mark.timeout(1500)]

ELSEWHERE = {
    "make test": "what runs this test",
    "anchorline init production": "typed at a terminal, below",
    "cd production": "where the commands after it run",
}
"""Commands of the README that the walk doesn't run as they stand, and why."""
EXAMPLE = "4bdb60137bfa"


def sections(text: str) -> dict[str, list[str]]:
    """The commands of each section: what stands behind ``$`` in its console blocks, without comments."""
    found = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        blocks = re.findall(r"^ *```console\n(.*?)^ *```", body, re.MULTILINE | re.DOTALL)
        lines = [line.strip() for block in blocks for line in block.splitlines()]
        found[title] = [re.sub(r"\s+#.*", "", line.removeprefix("$ ")) for line in lines if line.startswith("$ ")]
    return found


class Reader:
    """Somebody who types what the README says, in the lab's network, with the clone's own virtual environment."""

    def __init__(self, clone: Path, lab: Lab) -> None:
        self.clone, self.folder, self.lab = clone, clone, lab
        self.said: dict[str, subprocess.CompletedProcess[str]] = {}
        inside = f"{clone / '.venv/bin'}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": inside, "VIRTUAL_ENV": str(clone / ".venv")}
        self.environment.pop("PYTHONPATH", None)

    def type(self, line: str, *, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        command = ["sh", "-c", line]
        if not line.startswith("make "):
            command = [os.fspath(each) for each in self.lab.command(command)]
        ran = subprocess.run(
            command, cwd=self.folder, env=self.environment, text=True, capture_output=True, stdin=subprocess.DEVNULL
        )
        assert ran.returncode in codes, f"{line}: {ran.returncode}\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
        return ran


def test_followed_to_the_letter(tmp_path: Path, lab: Lab) -> None:
    clone = tmp_path / "anchorline"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{CHECKOUT}", clone], check=True)
    told = sections((clone / "README.md").read_text())
    lab.down()
    reader = Reader(clone, lab)

    first, second = told.pop("See it work")
    assert (first, second) == ("make demo", "make test")
    demo = reader.type(first)
    assert demo.stderr.count("5 hosts: 5 well, 0 failed, 0 unreachable") == 2
    for line in told.pop("See how it stands"):
        reader.type(line)
    assert (clone / "fleet.html").read_text().startswith("<!DOCTYPE html>")

    lab.up(fresh=True)
    asked = ["", "registry.example.com", "192.0.2.10", "debian.example.com arch.example.com", "root"]
    own = told.pop("Your own hosts, in five steps")
    assert own[:2] == ["anchorline init production", "cd production"]
    code, shown = typed(clone, ["init", "production"], asked, reader.environment)
    assert code == 0, shown
    reader.folder = clone / "production"
    # steps 2 to 4, in an editor: the lab's hosts, and its image of the registry
    shutil.copy(clone / "inventory/hosts.py", reader.folder / "inventory/hosts.py")
    for name in (".lab", "images"):
        shutil.rmtree(reader.folder / name, ignore_errors=True)
        (reader.folder / name).symlink_to(clone / name)
    spec = reader.folder / "anchorline.yml"
    image = r"\1image: registry:2.8.3\n\1archive: images/registry.tar"
    spec.write_text(re.sub(r"^( *)image: .*", image, spec.read_text(), flags=re.MULTILINE))
    for line in own[2:]:
        reader.type(line)
    assert reader.type("anchorline status").stdout.rstrip().endswith("5 hosts: 5 as declared")

    rotation = told.pop("Rotate the CA")
    before = reader.type("anchorline pki show --format json").stdout
    [old] = re.findall(r'"name": "ca",.*?"sha256": "([0-9a-f]{12})', before, re.DOTALL)[:1]
    for line in rotation:
        reader.type(line.replace(EXAMPLE, old))
    assert old not in lab.exec("debian", "ls /usr/local/share/ca-certificates").stdout
    assert [line for lines in told.values() for line in lines if line not in ELSEWHERE] == [], "no command was left out"
