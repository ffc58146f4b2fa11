"""Root file systems that somebody brings: each is one more host of the lab, and a rollout works there.

Those that the lab has are tried (`python -m lab up --rootfs NAME=FILE`). Where it has none, Debian's own file system is
brought as a tar, once with systemd and once without.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab
from lab.hosts import BOOKWORM, Host
from lab.image import built
from tests.fleet.certificates import other_ca, trusts
from tests.fleet.conftest import Shared, Site
from tests.fleet.verbs import WITHDRAW, cli

pytestmark = pytest.mark.fleet

SPEC = "version: 1\nsite: production\nauthority: {certificate: first.pem}\n"
SECOND = "version: 1\nsite: production\nauthority: {certificate: second.pem}\n"
ROW = (
    '    ("{0.name}", {{"ssh_hostname": "{0.address}", "ssh_user": "root", "ssh_key": ".lab/id_ed25519",\n'
    '     "ssh_known_hosts_file": ".lab/known_hosts"}}),\n'
)
# what is left out of Debian's tar: nothing, or its systemd
DEBIAN = {"debian-booted": (), "debian-sshd-alone": ("--exclude=./usr/lib/systemd/systemd", "--exclude=./sbin/init")}


def tar(place: Path, *options: str) -> Path:
    root = built(BOOKWORM) / "root"
    subprocess.run(["tar", "--create", "--file", place, *options, "-C", root, "."], check=True)
    return place


@pytest.fixture(scope="module")
def brought(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, ...]]:
    if lab.brought:
        yield lab.brought
        return
    folder = tmp_path_factory.mktemp("tars")
    Shared.site = None
    lab.up(fresh=True, rootfs={name: tar(folder / f"{name}.tar", *options) for name, options in DEBIAN.items()})
    yield lab.brought
    lab.down()
    lab.up()


@pytest.mark.drill
def test_no_then_yes_then_no(brought: tuple[Host, ...], lab: Lab, tmp_path: Path) -> None:
    site = Site(tmp_path, lab)
    rows = "".join(ROW.format(host) for host in brought)
    (site.folder / "inventory/hosts.py").write_text(f"registry = []\nclients = [\n{rows}]\n")
    (site.folder / "anchorline.yml").write_text(SPEC)
    first = other_ca(site, "first")
    other_ca(site, "second")
    names = [host.name for host in brought]
    assert not any(trusts(site, name, "first") for name in names)
    site.deploy(step="anchorline.trust.rollout").ok()
    assert [name for name in names if not trusts(site, name, "first")] == []
    assert not any(trusts(site, name, "second") for name in names), "what wasn't rolled out isn't trusted"
    assert not site.deploy(step="anchorline.trust.rollout").ok().changed
    (site.folder / "anchorline.yml").write_text(SECOND)
    site.deploy("--data", f"ca={first}", step=WITHDRAW).ok()
    assert [name for name in names if trusts(site, name, "first")] == []


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("new=/nowhere.tar", "/nowhere.tar: there is no such file"),
        ("New=/etc/hostname", "'New' is no name for a host"),
        ("new=/etc/hostname", "/etc/hostname is not a tar"),
    ],
)
def test_what_cannot_become_a_host(lab: Lab, word: str, said: str) -> None:
    lab.up()
    done = cli("up", "--rootfs", word)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
