"""Every row of the families' table, over a recorded layout: look, apply, look again, by the real scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import pytest

from anchorline.authority import Staged, stage
from anchorline.fleet.probe import Question
from anchorline.fleet.scripts import File, Value, script, stdin
from anchorline.fleet.wire import join, split
from anchorline.spec import load
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust, read
from anchorline.trust.operations import folders
from anchorline.trust.plan import TrustPlan, difference, to_put
from anchorline.trust.scripts import ApplyTrust, Layers, TrustProbe
from anchorline.trust.stores import families
from anchorline.trust.stores.families import FAMILIES, Family

from .site import NOTHING_ELSE

SPEC = "version: 1\nsite: blue\nauthority: {CN: Blue CA}\ntrust: {stores: [system]}\n"

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


@dataclass
class Root:
    """A folder that plays a host's root, laid out as one family's; its update makes a bundle and hash links."""

    folder: Path
    row: Family
    shell: list[str]

    def __post_init__(self) -> None:
        moved = self.moved
        for path in (moved.told_by, Path(moved.bundle).parent, Path(moved.command).parent, moved.hashed or "/tmp"):
            Path(path).mkdir(parents=True, exist_ok=True)
        (self.folder / "tools").mkdir()
        self.tool("openssl", f'case $* in *-no-CAfile*|rehash*) exec {shutil.which("openssl")} "$@" ;; esac')
        if self.row.name == "photon":
            shutil.copy(self.folder / "tools/openssl", moved.command)
        else:
            self.updates(
                f'set -- {moved.folder}/*{moved.suffix}; [ -f "$1" ] || set -- /dev/null; cat "$@" >{moved.bundle}\n'
                + (
                    f"cp {moved.folder}/* {moved.hashed}/ 2>/dev/null; openssl rehash {moved.hashed}"
                    * bool(moved.hashed)
                )
            )
        if moved.p11:
            Path(moved.p11).parent.mkdir(parents=True, exist_ok=True)
            Path(moved.p11).write_text(f'#!/bin/sh\nfor out; do :; done; cat {moved.folder}/* >"$out"\n')
            Path(moved.p11).chmod(0o755)

    @property
    def moved(self) -> Family:
        return self.under(self.row)

    def under(self, row: Family) -> Family:
        """The row with its paths under the folder."""
        here = str(self.folder)
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

    def updates(self, text: str) -> None:
        command = Path(self.moved.command)
        command.parent.mkdir(parents=True, exist_ok=True)
        command.write_text(f"#!/bin/sh\n{text}\n")
        command.chmod(0o755)

    def tool(self, name: str, text: str) -> None:
        (self.folder / "tools" / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / "tools" / name).chmod(0o755)

    def run(self, text: str, data: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder}/tools:{os.environ['PATH']}"
        return subprocess.run(
            [*self.shell, "-c", text], input=data, capture_output=True, text=True, env={"PATH": path}, timeout=60
        )

    def look(self, wanted: DesiredTrust, release: str) -> ObservedTrust:
        (self.folder / "os-release").write_text(release)
        table = tuple(map(self.under, families.FAMILIES))
        with patch("anchorline.trust.stores.families.FAMILIES", table):
            question = Question(
                script(
                    *TrustProbe.sources,
                    **TrustProbe.of(wanted.site, (), wanted.anchors).values()
                    | {
                        "state": f"{self.folder}/state",
                        "sites": f"{self.folder}/sites",
                        "release": f"{self.folder}/os-release",
                        "hosts": f"{self.folder}/hosts",
                        "families": families.rows(),
                        "runtimes": "",
                        **NOTHING_ELSE,
                    },
                ),
                [f"anchor {anchor.name} {''.join(anchor.pem.splitlines()[1:-1])}" for anchor in wanted.anchors],
            )
            text, data = join({"trust": question})
            said = self.run(text, data)
            assert (said.returncode, said.stderr) == (0, "")
            return read(split(said.stdout.splitlines())["trust"], wanted.site)

    def apply(self, has: ObservedTrust, wanted: DesiredTrust, change: TrustPlan) -> subprocess.CompletedProcess[str]:
        assert has.family is not None
        files = [
            File(f"{self.folder}/state/anchors", each.content) if each.path == wanted.marker_file else each
            for each in change.files
        ]
        values: dict[str, Value] = {
            **Layers.of(has.family).values(),
            "proc": f"{self.folder}/proc",
            "stamps": f"{self.folder}/stamps",
            "hashed": "",
            "lock": f"{self.folder}/lock",
            "state": f"{self.folder}/state",
            "folders": folders(change.files),
            "site": wanted.site,
            "hosts": f"{self.folder}/hosts",
            "update": change.update,
            "anchors": [has.family.path(each.name) for each in to_put(has, wanted)],
            "digests": [each.sha256 for each in wanted.anchors],
            "hosts_line": "",
            "summary": "a test",
        }
        return self.run(
            script(
                *ApplyTrust.sources,
                **dict.fromkeys(("merged", "unchanged", "tasks", "pems", "nicknames"), ""),
                **values,
            ),
            stdin(files),
        )


@pytest.fixture(scope="module")
def blue(tmp_path_factory: pytest.TempPathFactory) -> tuple[Staged, DesiredTrust]:
    file = tmp_path_factory.mktemp("blue") / "anchorline.yml"
    file.write_text(SPEC)
    staged = stage(load(file))
    return staged, DesiredTrust.of(load(file), staged)


@pytest.fixture
def wanted(blue: tuple[Staged, DesiredTrust]) -> DesiredTrust:
    return blue[1]


def rolls_out(root: Root, wanted: DesiredTrust, release: str) -> TrustPlan:
    """The whole way on one host; what was done, with its notes."""
    new = root.look(wanted, release)
    assert new.family == root.moved, "another row, or none"
    change = difference(new, wanted)
    [anchor] = wanted.anchors
    assert root.moved.path(anchor.name) in {file.path for file in change.files}
    assert change.update == root.moved.update
    done = root.apply(new, wanted, change)
    assert (done.returncode, done.stderr) == (0, "")
    after = root.look(wanted, release)
    assert after.bundled == {anchor.name}
    assert after.unhashed == frozenset()
    assert after.elsewhere == {}
    assert not difference(after, wanted), "a second run has nothing to do"
    return change


def test_each_row_has_a_release() -> None:
    assert set(RELEASES) == {row.name for row in FAMILIES}


@pytest.mark.parametrize("row", [row for row in FAMILIES if not row.declared], ids=lambda row: row.name)
def test_a_rollout_on_each_family(tmp_path: Path, shell: list[str], wanted: DesiredTrust, row: Family) -> None:
    change = rolls_out(Root(tmp_path, row, shell), wanted, RELEASES[row.name])
    warned = any("not verified on a real userland" in note for note in change.notes)
    assert warned == (row.name != "debian")


def test_a_new_family_is_one_row_and_one_case(
    tmp_path: Path, wanted: DesiredTrust, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Family(
        "newos",
        frozenset({"newos"}),
        folder="/etc/newos/cas",
        update="/usr/sbin/newos-cas --all",
        repair="/usr/sbin/newos-cas --all",
        bundle="/etc/newos/bundle.pem",
        sources=("/etc/newos/cas",),
        verified="documentation",
    )
    monkeypatch.setattr(families, "FAMILIES", (*FAMILIES, row))
    rolls_out(Root(tmp_path, row, ["sh"]), wanted, "ID=newos\n")


@pytest.mark.parametrize("row", [row for row in FAMILIES if not row.declared], ids=lambda row: row.name)
def test_neither_folder_nor_command_nor_name_is_enough(tmp_path: Path, wanted: DesiredTrust, row: Family) -> None:
    root = Root(tmp_path, row, ["sh"])
    assert root.look(wanted, "ID=something\n").family is None
    Path(root.moved.command).rename(tmp_path / "away")
    assert root.look(wanted, RELEASES[row.name]).family is None
    (tmp_path / "away").rename(root.moved.command)
    Path(root.moved.told_by).rename(tmp_path / "away")
    assert root.look(wanted, RELEASES[row.name]).family is None


def test_a_folder_that_is_not_there_yet(tmp_path: Path, shell: list[str], wanted: DesiredTrust) -> None:
    """Alpine's package doesn't make it."""
    alpine = next(row for row in FAMILIES if row.name == "alpine")
    root = Root(tmp_path, alpine, shell)
    assert not Path(root.moved.folder).exists()
    rolls_out(root, wanted, RELEASES["alpine"])


def test_nixos_is_told_what_to_declare(tmp_path: Path, shell: list[str], wanted: DesiredTrust) -> None:
    nixos = next(row for row in FAMILIES if row.declared)
    root = Root(tmp_path, nixos, shell)
    has = root.look(wanted, RELEASES["nixos"])
    assert has.family == root.moved
    change = difference(has, wanted)
    assert not change, "nothing is written"
    assert change.problem
    [anchor] = wanted.anchors
    assert f"configuration.nix: security.pki.certificateFiles = [ ./{anchor.name} ];" in change.problem.fix
    assert f"with {anchor.subject} as PEM in " in change.problem.fix
    Path(root.moved.bundle).write_text(anchor.pem)
    declared = difference(root.look(wanted, RELEASES["nixos"]), wanted)
    assert not declared.problem
    assert not declared.update


class TestLayers:
    """A store that says no fails its host, by the layer's name."""

    @staticmethod
    def said(root: Root, wanted: DesiredTrust) -> str:
        new = root.look(wanted, RELEASES[root.row.name])
        done = root.apply(new, wanted, difference(new, wanted))
        assert done.returncode == 1
        return done.stderr.splitlines()[-1]

    def test_the_bundle(self, tmp_path: Path, shell: list[str], wanted: DesiredTrust) -> None:
        root = Root(tmp_path, FAMILIES[0], shell)
        root.updates("exit 0")
        assert "/etc/ssl/certs/ca-certificates.crt doesn't hold " in self.said(root, wanted)

    def test_the_hash_links(self, tmp_path: Path, shell: list[str], wanted: DesiredTrust) -> None:
        root = Root(tmp_path, FAMILIES[0], shell)
        other = tmp_path / "other.crt"
        (tmp_path / "other.yml").write_text(SPEC.replace("Blue", "Other"))
        other.write_text(stage(load(tmp_path / "other.yml")).anchors[0].pem)
        Path(root.moved.hashed).mkdir(parents=True, exist_ok=True)
        root.updates(
            f"cat {root.moved.folder}/*.crt {other} >{root.moved.bundle}; cp {other} {root.moved.hashed}/; "
            f"openssl rehash {root.moved.hashed}"
        )
        said = self.said(root, wanted)
        assert f"the hash links in {root.moved.hashed} don't lead to " in said
        # and the next look sees it, though the bundle holds the CA: the stronger command is due
        seen = root.look(wanted, RELEASES["debian"])
        assert seen.unhashed == seen.bundled == {wanted.anchors[0].name}
        change = difference(seen, wanted)
        assert change.what == ("system store repaired",)
        assert change.update == root.moved.repair

    def test_p11_kit(self, tmp_path: Path, shell: list[str], wanted: DesiredTrust) -> None:
        arch = next(row for row in FAMILIES if row.name == "arch")
        root = Root(tmp_path, arch, shell)
        Path(root.moved.p11).write_text('#!/bin/sh\nfor out; do :; done; : >"$out"\n')
        assert "p11-kit (trust extract) doesn't hold " in self.said(root, wanted)


class TestDrift:
    @pytest.fixture
    def root(self, tmp_path: Path, shell: list[str], wanted: DesiredTrust) -> Root:
        root = Root(tmp_path, FAMILIES[0], shell)
        rolls_out(root, wanted, RELEASES["debian"])
        return root

    @staticmethod
    def change(root: Root, wanted: DesiredTrust) -> TrustPlan:
        return difference(root.look(wanted, RELEASES["debian"]), wanted)

    def test_an_anchor_altered(self, root: Root, wanted: DesiredTrust) -> None:
        file = Path(root.moved.path(wanted.anchors[0].name))
        file.write_text("altered\n")
        has = root.look(wanted, RELEASES["debian"])
        assert root.apply(has, wanted, difference(has, wanted)).returncode == 0
        assert file.read_text() == wanted.anchors[0].pem
        assert not self.change(root, wanted)

    def test_an_anchor_that_only_root_can_read(self, root: Root, wanted: DesiredTrust) -> None:
        """The bundle has it, and every user who reads the hash links fails."""
        file = Path(root.moved.path(wanted.anchors[0].name))
        file.chmod(0o600)
        has = root.look(wanted, RELEASES["debian"])
        change = difference(has, wanted)
        assert change.what == ("system store repaired",)
        assert root.apply(has, wanted, change).returncode == 0
        assert file.stat().st_mode & 0o777 == 0o644

    def test_strangers_and_generations_are_named_and_stay(self, root: Root, wanted: DesiredTrust) -> None:
        folder = Path(root.moved.folder)
        (folder / "anchorline-notes.crt").write_text("x")
        (folder / f"anchorline-blue-{'1' * 12}.crt").write_text("x")
        (folder / f"anchorline-green-{'2' * 12}.crt").write_text("x")
        change = self.change(root, wanted)
        assert not change
        assert change.notes == (
            f"surplus, not declared: {folder}/anchorline-blue-{'1' * 12}.crt",
            f"not ours, and bears our prefix: {folder}/anchorline-notes.crt",
        )


def test_two_certificates_in_one_file_of_others(tmp_path: Path, shell: list[str], wanted: DesiredTrust) -> None:
    """In the bundle, and passed over by the rehash: it counts as theirs only where every layer has it."""
    root = Root(tmp_path, FAMILIES[0], shell)
    (tmp_path / "other.yml").write_text(SPEC.replace("Blue", "Other"))
    other = stage(load(tmp_path / "other.yml")).anchors[0].pem
    folder = Path(root.moved.folder)
    (folder / "company.crt").write_text(other + wanted.anchors[0].pem)
    (folder / "other.crt").write_text(other)
    subprocess.run([root.moved.command], env={"PATH": f"{tmp_path}/tools:{os.environ['PATH']}"}, check=True)
    has = root.look(wanted, RELEASES["debian"])
    assert has.elsewhere == {wanted.anchors[0].name: f"{folder}/company.crt"}
    assert has.unhashed == {wanted.anchors[0].name}
    change = difference(has, wanted)
    assert root.moved.path(wanted.anchors[0].name) in {file.path for file in change.files}
    assert not any("trusted already" in note for note in change.notes)
    assert root.apply(has, wanted, change).returncode == 0
    assert not difference(root.look(wanted, RELEASES["debian"]), wanted)
