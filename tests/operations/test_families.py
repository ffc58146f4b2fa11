"""Every row of the families' table, over a recorded layout: look, apply, look again, by the real scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from anchorline.authority import Staged, stage
from anchorline.spec import load
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.plan import TrustPlan, difference
from anchorline.trust.stores import families
from anchorline.trust.stores.families import FAMILIES, Family

from .folder import RELEASES, Plays, System

SPEC = "version: 1\nsite: blue\nauthority: {CN: Blue CA}\ntrust: {stores: [system]}\n"


@pytest.fixture(scope="module")
def blue(tmp_path_factory: pytest.TempPathFactory) -> tuple[Staged, DesiredTrust]:
    file = tmp_path_factory.mktemp("blue") / "anchorline.yml"
    file.write_text(SPEC)
    staged = stage(load(file))
    return staged, DesiredTrust.of(load(file), staged)


@pytest.fixture
def wanted(blue: tuple[Staged, DesiredTrust]) -> DesiredTrust:
    return blue[1]


def rolls_out(root: System, wanted: DesiredTrust) -> TrustPlan:
    """The whole way on one host; what was done, with its notes."""
    new = root.look(wanted)
    assert new.family == root.moved, "another row, or none"
    change = difference(new, wanted)
    [anchor] = wanted.anchors
    assert root.moved.path(anchor.name) in {file.path for file in change.files}
    assert change.update == root.moved.update
    done = root.takes(new, wanted, change)
    assert (done.returncode, done.stderr) == (0, "")
    after = root.look(wanted)
    assert after.bundled == {anchor.name}
    assert after.unhashed == frozenset()
    assert after.elsewhere == {}
    assert not difference(after, wanted), "a second run has nothing to do"
    return change


def test_each_row_has_a_release() -> None:
    assert set(RELEASES) == {row.name for row in FAMILIES}


@pytest.mark.parametrize("row", [row for row in FAMILIES if not row.declared], ids=lambda row: row.name)
def test_a_rollout_on_each_family(plays: Plays, shell: list[str], wanted: DesiredTrust, row: Family) -> None:
    change = rolls_out(plays(row, shell), wanted)
    warned = any("not verified on a real userland" in note for note in change.notes)
    assert warned == (row.name != "debian")


def test_a_new_family_is_one_row_and_one_case(
    plays: Plays, wanted: DesiredTrust, monkeypatch: pytest.MonkeyPatch
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
    root = plays(row, ["sh"])
    root.release("ID=newos\n")
    rolls_out(root, wanted)


@pytest.mark.parametrize("row", [row for row in FAMILIES if not row.declared], ids=lambda row: row.name)
def test_neither_folder_nor_command_nor_name_is_enough(
    tmp_path: Path, plays: Plays, wanted: DesiredTrust, row: Family
) -> None:
    root = plays(row, ["sh"])
    root.release("ID=something\n")
    assert root.look(wanted).family is None
    root.release(RELEASES[row.name])
    assert root.look(wanted).family == root.moved
    Path(root.moved.command).rename(tmp_path / "away")
    assert root.look(wanted).family is None
    (tmp_path / "away").rename(root.moved.command)
    Path(root.moved.told_by).rename(tmp_path / "away")
    assert root.look(wanted).family is None


def test_a_folder_that_is_not_there_yet(plays: Plays, shell: list[str], wanted: DesiredTrust) -> None:
    """Alpine's package doesn't make it."""
    alpine = next(row for row in FAMILIES if row.name == "alpine")
    root = plays(alpine, shell)
    assert not Path(root.moved.folder).exists()
    rolls_out(root, wanted)


def test_nixos_is_told_what_to_declare(plays: Plays, shell: list[str], wanted: DesiredTrust) -> None:
    nixos = next(row for row in FAMILIES if row.declared)
    root = plays(nixos, shell)
    has = root.look(wanted)
    assert has.family == root.moved
    change = difference(has, wanted)
    assert not change, "nothing is written"
    assert change.problem
    [anchor] = wanted.anchors
    assert f"configuration.nix: security.pki.certificateFiles = [ ./{anchor.name} ];" in change.problem.fix
    assert f"with {anchor.subject} as PEM in " in change.problem.fix
    Path(root.moved.bundle).write_text(anchor.pem)
    declared = difference(root.look(wanted), wanted)
    assert not declared.problem
    assert not declared.update


class TestLayers:
    """A store that says no fails its host, by the layer's name."""

    @staticmethod
    def said(root: System, wanted: DesiredTrust) -> str:
        new = root.look(wanted)
        done = root.takes(new, wanted, difference(new, wanted))
        assert done.returncode == 1
        return done.stderr.splitlines()[-1]

    def test_the_bundle(self, plays: Plays, shell: list[str], wanted: DesiredTrust) -> None:
        root = plays(FAMILIES[0], shell)
        root.updates("exit 0")
        assert "/etc/ssl/certs/ca-certificates.crt doesn't hold " in self.said(root, wanted)

    def test_the_hash_links(self, tmp_path: Path, plays: Plays, shell: list[str], wanted: DesiredTrust) -> None:
        root = plays(FAMILIES[0], shell)
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
        seen = root.look(wanted)
        assert seen.unhashed == seen.bundled == {wanted.anchors[0].name}
        change = difference(seen, wanted)
        assert change.what == ("system store repaired",)
        assert change.update == root.moved.repair

    def test_p11_kit(self, plays: Plays, shell: list[str], wanted: DesiredTrust) -> None:
        arch = next(row for row in FAMILIES if row.name == "arch")
        root = plays(arch, shell)
        Path(root.moved.p11).write_text('#!/bin/sh\nfor out; do :; done; : >"$out"\n')
        assert "p11-kit (trust extract) doesn't hold " in self.said(root, wanted)


class TestDrift:
    @pytest.fixture
    def root(self, plays: Plays, shell: list[str], wanted: DesiredTrust) -> System:
        root = plays(FAMILIES[0], shell)
        rolls_out(root, wanted)
        return root

    @staticmethod
    def change(root: System, wanted: DesiredTrust) -> TrustPlan:
        return difference(root.look(wanted), wanted)

    def test_an_anchor_altered(self, root: System, wanted: DesiredTrust) -> None:
        file = Path(root.moved.path(wanted.anchors[0].name))
        file.write_text("altered\n")
        has = root.look(wanted)
        assert root.takes(has, wanted, difference(has, wanted)).returncode == 0
        assert file.read_text() == wanted.anchors[0].pem
        assert not self.change(root, wanted)

    def test_an_anchor_that_only_root_can_read(self, root: System, wanted: DesiredTrust) -> None:
        """The bundle has it, and every user who reads the hash links fails."""
        file = Path(root.moved.path(wanted.anchors[0].name))
        file.chmod(0o600)
        has = root.look(wanted)
        change = difference(has, wanted)
        assert change.what == ("system store repaired",)
        assert root.takes(has, wanted, change).returncode == 0
        assert file.stat().st_mode & 0o777 == 0o644

    def test_strangers_and_generations_are_named_and_stay(self, root: System, wanted: DesiredTrust) -> None:
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


def test_two_certificates_in_one_file_of_others(
    tmp_path: Path, plays: Plays, shell: list[str], wanted: DesiredTrust
) -> None:
    """In the bundle, and passed over by the rehash: it counts as theirs only where every layer has it."""
    root = plays(FAMILIES[0], shell)
    (tmp_path / "other.yml").write_text(SPEC.replace("Blue", "Other"))
    other = stage(load(tmp_path / "other.yml")).anchors[0].pem
    folder = Path(root.moved.folder)
    (folder / "company.crt").write_text(other + wanted.anchors[0].pem)
    (folder / "other.crt").write_text(other)
    assert root.command(root.moved.command).returncode == 0
    has = root.look(wanted)
    assert has.elsewhere == {wanted.anchors[0].name: f"{folder}/company.crt"}
    assert has.unhashed == {wanted.anchors[0].name}
    change = difference(has, wanted)
    assert root.moved.path(wanted.anchors[0].name) in {file.path for file in change.files}
    assert not any("trusted already" in note for note in change.notes)
    assert root.takes(has, wanted, change).returncode == 0
    assert not difference(root.look(wanted), wanted)
