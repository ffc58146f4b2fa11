"""Exported scripts, run by several shells over a folder that plays the host's root."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from anchorline.fleet.scripts import source
from anchorline.trust import export, observed
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.plan import difference
from anchorline.trust.scripts import ApplyTrust
from anchorline.trust.stores.families import FAMILIES, Family
from tests.operations.export.exported import DEBIAN, done, failed, host, made, ran
from tests.operations.folder import Plays, System


def row(name: str) -> Family:
    return next(each for each in FAMILIES if each.name == name)


@pytest.mark.parametrize("family", [each for each in FAMILIES if not each.declared], ids=lambda each: each.name)
@pytest.mark.parametrize(
    "shell", ["dash", *(pytest.param(each, marks=pytest.mark.drill) for each in ("bash", "ash"))], indirect=True
)
def test_each_family(plays: Plays, shell: list[str], wanted: DesiredTrust, family: Family) -> None:
    here = host(plays, family, shell)
    assert here.look(wanted).bundled == frozenset(), "or this proves nothing"
    process = ran(here, wanted)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.splitlines()[-1] == f"site blue: system store, {observed.HOSTS}"
    assert ("not verified on a real userland" in process.stdout) == (family is not DEBIAN)
    seen = here.look(wanted)
    assert seen.bundled == {anchor.name for anchor in wanted.anchors}
    assert not difference(seen, wanted), "a rollout has nothing to do"
    before = here.tree()
    assert done(here, wanted) == "site blue: nothing to do"
    assert here.tree() == before


@pytest.mark.usefixtures("debian", "containers")
class TestContainers:
    def test_the_same_files_as_a_rollout(self, debian: System, wanted: DesiredTrust) -> None:
        fresh = debian.root.parent / "fresh"
        shutil.copytree(debian.root, fresh, ignore=shutil.ignore_patterns("*.sock"))
        change = debian.rollout(wanted)
        assert change.what == ("system store", "docker", "podman", "containerd", observed.HOSTS)
        by_rollout = debian.tree()
        for name in ("etc", "usr", "var"):
            shutil.rmtree(debian.root / name)
            if (fresh / name).exists():
                shutil.copytree(fresh / name, debian.root / name)
        assert not debian.look(wanted).marker
        assert done(debian, wanted) == f"site blue: {', '.join(change.what)}"
        assert debian.tree() == by_rollout

    def test_two_sites_side_by_side(self, debian: System, sites: dict[str, DesiredTrust]) -> None:
        for wanted in (*sites.values(), *sites.values()):
            ran(debian, wanted)
        for site, wanted in sites.items():
            assert done(debian, wanted) == f"site {site}: nothing to do"
            assert not difference(debian.look(wanted), wanted)
        lines = Path(observed.HOSTS).read_text().splitlines()
        assert [line.rpartition(" ")[2] for line in lines] == ["localhost", "blue", "green"]

    def test_a_hosts_toml_of_someone_else(self, debian: System, wanted: DesiredTrust) -> None:
        file = debian.root / "etc/containerd/certs.d/blue.example.com/hosts.toml"
        file.parent.mkdir(parents=True)
        file.write_text("# mine\n")
        before = debian.tree()
        assert f"{file} is someone else's" in failed(debian, wanted)
        assert debian.tree() == before


class TestDrift:
    @pytest.fixture
    def here(self, debian: System, wanted: DesiredTrust) -> System:
        done(debian, wanted)
        return debian

    def test_an_altered_anchor(self, here: System, wanted: DesiredTrust) -> None:
        file = Path(here.moved.path(wanted.anchors[0].name))
        file.write_text("altered\n")
        assert done(here, wanted) == "site blue: system store repaired"
        assert file.read_text() == wanted.anchors[0].pem

    def test_an_anchor_that_only_root_can_read(self, here: System, wanted: DesiredTrust) -> None:
        file = Path(here.moved.path(wanted.anchors[0].name))
        file.chmod(0o600)
        assert done(here, wanted) == "site blue: system store repaired"
        assert file.stat().st_mode & 0o777 == 0o644

    def test_an_empty_bundle(self, here: System, wanted: DesiredTrust) -> None:
        Path(here.moved.bundle).write_text("")
        assert done(here, wanted) == "site blue: system store repaired"

    def test_another_address(self, here: System, wanted: DesiredTrust) -> None:
        other = replace(wanted, hosts_line="192.0.2.11 blue.example.com")
        assert done(here, other) == f"site blue: {observed.HOSTS}"
        assert "192.0.2.10" not in Path(observed.HOSTS).read_text()

    def test_a_memory_of_more_is_kept(self, here: System, wanted: DesiredTrust) -> None:
        file = Path(wanted.marker_file)
        more = f"also {'0' * 64}"
        file.write_text(f"{more}\n{wanted.marker[0]}\n")
        assert done(here, wanted) == "site blue: marker"
        assert file.read_text() == "".join(f"{line}\n" for line in sorted({more, *wanted.marker}))

    def test_a_ca_that_the_script_does_not_have(self, here: System, wanted: DesiredTrust) -> None:
        with Path(wanted.marker_file).open("a") as file:
            file.write(f"ca {'1' * 64}\n")
        assert "knows the CA 111111111111 as the site's, and this script doesn't" in failed(here, wanted)

    def test_a_damaged_memory(self, here: System, wanted: DesiredTrust) -> None:
        Path(wanted.marker_file).write_text("ca 12\n")
        assert f"{wanted.marker_file}, which the host keeps, is damaged at 'ca 12'" in failed(here, wanted)


def test_a_ca_of_others_is_not_doubled(debian: System, wanted: DesiredTrust) -> None:
    theirs = Path(debian.moved.folder) / "company.crt"
    theirs.write_text(wanted.anchors[0].pem)
    assert debian.command(debian.moved.command).returncode == 0
    process = ran(debian, wanted)
    assert f"trusted already as {theirs}, not doubled\n" in process.stdout
    assert not Path(debian.moved.path(wanted.anchors[0].name)).exists()
    assert not difference(debian.look(wanted), wanted)


class TestRefusals:
    """A host that can't be helped: one line that says why, and nothing is changed."""

    @pytest.fixture(autouse=True)
    def _unchanged(self, debian: System) -> Iterator[None]:
        before = debian.tree()
        yield
        changed = set(debian.tree().items()) ^ set(before.items())
        assert {Path(path).name for path, _ in changed} <= {"os-release", "id"}

    @pytest.mark.parametrize(
        ("release", "words"), [("ID=plan9\nID_LIKE='inferno'\n", "(plan9 inferno)"), ("", "(no ID in /etc/os-release)")]
    )
    def test_an_unknown_family(self, debian: System, wanted: DesiredTrust, release: str, words: str) -> None:
        debian.release(release)
        assert f"no row for this system {words} among debian, " in failed(debian, wanted)

    def test_not_root(self, debian: System, wanted: DesiredTrust) -> None:
        debian.tool("id", "echo 1000")
        assert "as root" in failed(debian, wanted)

    def test_half_of_a_script(self, debian: System, wanted: DesiredTrust) -> None:
        text = export.as_script(wanted)
        lines = text.splitlines(keepends=True)
        for share in (0.1, 0.3, 0.5, 0.7, 0.9):
            ran(debian, wanted, text[: int(len(text) * share)])
            ran(debian, wanted, "".join(lines[: int(len(lines) * share)]))
        ran(debian, wanted, "".join(lines[:-1]))


def test_an_update_that_does_not_do_it(debian: System, wanted: DesiredTrust) -> None:
    debian.updates("exit 0")
    assert f"{debian.moved.bundle} doesn't hold " in failed(debian, wanted)
    debian.updates("echo first; echo the disk is full >&2; exit 1")
    assert failed(debian, wanted).endswith("update-ca-certificates: the disk is full\n")


def test_nixos_is_told_what_to_declare(plays: Plays, shell: list[str], wanted: DesiredTrust) -> None:
    here = host(plays, row("nixos"), shell)
    files = " ".join(f"./{anchor.name}" for anchor in wanted.anchors)
    assert f"security.pki.certificateFiles = [ {files} ];" in failed(here, wanted)
    Path(here.moved.bundle).write_text("".join(anchor.pem for anchor in wanted.anchors))
    assert done(here, wanted).startswith("site blue: ")
    assert not list(Path(here.moved.folder).iterdir()), "nothing is written there"


def test_a_host_for_runtimes_alone(debian: System, wanted: DesiredTrust) -> None:
    """Without the system's store, no family is needed."""
    debian.release("ID=plan9\n")
    debian.tool("podman", "")
    assert done(debian, replace(wanted, stores=("podman",), hosts_line="")) == "site blue: podman"
    assert not Path(debian.moved.bundle).exists()


@pytest.mark.parametrize("authority", ["authority: {{CN: Grey CA}}\n", ""], ids=["its own CA", "others' CAs"])
def test_a_site_without_a_registry(debian: System, tmp_path: Path, authority: str) -> None:
    text = f"version: 1\nsite: {{site}}\n{authority}trust: {{{{stores: [system], also: [other.pem]}}}}\n"
    wanted = made(tmp_path, "grey", text)
    assert len(wanted.anchors) == bool(authority) + 1
    assert done(debian, wanted) == "site grey: system store"
    assert not difference(debian.look(wanted), wanted)


def test_the_script_is_made_as_a_rollout_is(wanted: DesiredTrust) -> None:
    """The rollout's own script is in it, and is told there all that it is told in a rollout."""
    text = export.as_script(wanted)
    before, _, apply = text.partition("\napply() (\n")
    kept = [each for each in ApplyTrust.sources if each not in export.LEFT_OUT]
    assert len(kept) + len(export.LEFT_OUT) == len(ApplyTrust.sources)
    assert apply.endswith("".join(map(source, kept)) + ")\nalone\n")
    told = set(re.findall(r"^(\w+)=", apply, re.MULTILINE))
    assert {"site", "lock", "digests"} <= told
    stubs = {name for names in export.LEFT_OUT.values() for name in names}
    assert set(re.findall(r"^(\w+)\(\) \{ :; \}$", apply, re.MULTILINE)) == stubs
    assert set(export.FOUND) & told == set(), "what the host found out isn't written over"
    by_host = {name for name in export.FOUND if re.search(rf"\b{name}=", before)}
    assert set(ApplyTrust.names()) <= told | by_host
