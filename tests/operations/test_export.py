"""Exported scripts, run by several shells over a folder that plays the host's root; and the YAML that carries them."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import socket
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from anchorline.authority import stage
from anchorline.fleet.probe import Question
from anchorline.fleet.scripts import script, source, state_folder, stdin
from anchorline.fleet.wire import join, split
from anchorline.spec import load
from anchorline.trust import export, observed, plan, scripts
from anchorline.trust.desired import DesiredTrust
from anchorline.trust.observed import ObservedTrust, read
from anchorline.trust.operations import folders
from anchorline.trust.plan import TrustPlan, difference, to_put
from anchorline.trust.processes import stale
from anchorline.trust.scripts import ApplyTrust, Layers, TrustProbe
from anchorline.trust.stores import families, runtimes
from anchorline.trust.stores.families import FAMILIES, Family
from tests.unit.tools import lacking

from .site import NOTHING_ELSE
from .test_families import RELEASES, Root

SPEC = """
version: 1
site: {site}
authority: {{CN: {site} CA}}
signing: {{default: {{expiry: 8760h, usages: [signing, server auth]}}}}
certificates: {{server: {{CN: {site}.example.com, hosts: [{site}.example.com]}}}}
registry: {{address: {site}.example.com, hosts_entry: 192.0.2.10, certificate: server}}
trust: {{also: [other.pem]}}
"""
DEBIAN = FAMILIES[0]


def row(name: str) -> Family:
    return next(each for each in FAMILIES if each.name == name)


def made(folder: Path, site: str, text: str = SPEC) -> DesiredTrust:
    """What hosts of a new site should have: its CA, and another."""
    other = folder / "other.yml"
    other.write_text("version: 1\nsite: other\nauthority: {CN: Another CA}\n")
    (folder / "other.pem").write_text(stage(load(other)).anchors[0].pem)
    file = folder / f"{site}.yml"
    file.write_text(text.format(site=site))
    stage(load(file)).commit()
    return export.wanted_of(load(file))


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DesiredTrust]:
    return {site: made(tmp_path_factory.mktemp(site), site) for site in ("blue", "green")}


@pytest.fixture
def wanted(sites: dict[str, DesiredTrust]) -> DesiredTrust:
    return sites["blue"]


@dataclass
class Host:
    """A root laid out as a family's. The tables' paths lie under it while it stands."""

    root: Root
    shell: list[str]

    @property
    def folder(self) -> Path:
        return self.root.folder

    def run(self, wanted: DesiredTrust, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run the site's script, as a user does: from a file."""
        (self.folder.parent / "trust.sh").write_text(text or export.as_script(wanted))
        return subprocess.run(
            [*self.shell, self.folder.parent / "trust.sh"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={"PATH": f"{self.folder}/tools:{os.environ['PATH']}"},
            timeout=20,
        )

    def done(self, wanted: DesiredTrust) -> str:
        """It ended well; what it said at last."""
        ran = self.run(wanted)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert not list(self.folder.rglob("*.anchorline-new"))
        return ran.stdout.splitlines()[-1]

    def failed(self, wanted: DesiredTrust) -> str:
        """It ended with 1; the one line that it said."""
        ran = self.run(wanted)
        assert (ran.returncode, ran.stderr.count("\n")) == (1, 1), ran.stderr
        assert not list(self.folder.rglob("*.anchorline-new"))
        return ran.stderr

    def look(self, wanted: DesiredTrust) -> ObservedTrust:
        """What a rollout's look sees here."""
        data = [f"anchor {each.name} {''.join(each.pem.splitlines()[1:-1])}" for each in wanted.anchors]
        values = TrustProbe.of(wanted.site, (), wanted.anchors).values() | NOTHING_ELSE
        probe = script(*TrustProbe.sources, **values)
        said = self.root.run(*join({"trust": Question(probe, data)}))
        assert (said.returncode, said.stderr) == (0, "")
        return read(split(said.stdout.splitlines())["trust"], wanted.site)

    def rollout(self, wanted: DesiredTrust) -> TrustPlan:
        """What a rollout does here, as operations.py puts it together."""
        has = self.look(wanted)
        change = difference(has, wanted)
        apply = ApplyTrust(
            stamps=stale.Stamps.of(wanted.site),
            layers=Layers.of(has.family),
            lock=str(Path(state_folder(wanted.site)).parent),
            site=wanted.site,
            state=state_folder(wanted.site),
            folders=folders(change.files),
            hosts=observed.HOSTS,
            hosts_line=change.hosts_line,
            update=change.update,
            anchors=tuple(has.family.path(each.name) for each in to_put(has, wanted)) if has.family else (),
            digests=tuple(each.sha256 for each in wanted.anchors),
            summary="a rollout",
            merged=(),
            unchanged=(),
            tasks=(),
            pems=(),
            nicknames=(),
        )
        done = self.root.run(apply.text, stdin(change.files))
        assert (done.returncode, done.stderr) == (0, "")
        return change

    def tree(self) -> dict[str, tuple[int, str]]:
        """Every file here but the stamps, with its mode."""
        return {
            str(path): (path.stat().st_mode, path.read_text())
            for path in self.folder.rglob("*")
            if path.is_file() and path.name != "changed"
        }


def under(monkeypatch: pytest.MonkeyPatch, root: Root) -> None:
    here = str(root.folder)
    monkeypatch.setattr(families, "FAMILIES", tuple(map(root.under, FAMILIES)))
    for name, each in list(runtimes.RUNTIMES.items()):
        used = tuple(here + word if word.startswith("/") else word for word in each.used)
        folder = here + each.folder if each.folder.startswith("/") else each.folder
        moved = replace(each, folder=folder, used=used, socket=each.socket and here + each.socket)
        monkeypatch.setitem(runtimes.RUNTIMES, name, moved)
    for module, name in (
        (export, "HOSTS"),
        (scripts, "HOSTS"),
        (plan, "HOSTS"),
        (observed, "HOSTS"),
        (scripts, "OS_RELEASE"),
        (stale, "PROC"),
        (stale, "STAMPS"),
    ):
        monkeypatch.setattr(module, name, here + getattr(module, name))
    for module_name in (
        *("anchorline.fleet.scripts", "anchorline.trust.scripts", "anchorline.trust.export"),
        "anchorline.trust.operations",
    ):
        monkeypatch.setattr(f"{module_name}.STATE", here + "/var/lib/anchorline/sites")
    monkeypatch.setattr(stale, "HASHED", (f"{here}/etc/ssl/certs",))


def host(monkeypatch: pytest.MonkeyPatch, folder: Path, family: Family, shell: list[str]) -> Host:
    (folder / "root").mkdir()
    root = Root(folder / "root", family, ["sh"])
    (root.folder / "etc").mkdir(exist_ok=True)
    (root.folder / "etc/os-release").write_text(RELEASES[family.name])
    (root.folder / "etc/hosts").write_text("127.0.0.1 localhost\n")
    root.tool("id", "echo 0")
    root.tool("logger", "")
    under(monkeypatch, root)
    return Host(root, shell)


@pytest.fixture
def debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shell: list[str]) -> Host:
    return host(monkeypatch, tmp_path, DEBIAN, shell)


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[None]:
    """All three runtimes in use, on the host that lies in the same folder."""
    if any(shutil.which(tool) for tool in ("dockerd", "podman", "ctr")):
        lacking("this machine has a container runtime of its own")
    tools = tmp_path / "root/tools"
    for tool, text in {"dockerd": "", "podman": "", "ctr": "echo k8s.io"}.items():
        (tools / tool).write_text(f"#!/bin/sh\n{text}\n")
        (tools / tool).chmod(0o755)
    run = tmp_path / "root/run/containerd"
    run.mkdir(parents=True)
    before = Path.cwd()
    os.chdir(run)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("containerd.sock")
            yield
    finally:
        os.chdir(before)


@pytest.mark.parametrize("family", [each for each in FAMILIES if not each.declared], ids=lambda each: each.name)
@pytest.mark.parametrize(
    "shell", ["dash", *(pytest.param(each, marks=pytest.mark.drill) for each in ("bash", "ash"))], indirect=True
)
def test_each_family(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shell: list[str], wanted: DesiredTrust, family: Family
) -> None:
    here = host(monkeypatch, tmp_path, family, shell)
    assert here.look(wanted).bundled == frozenset(), "or this proves nothing"
    ran = here.run(wanted)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-1] == f"site blue: system store, {observed.HOSTS}"
    assert ("not verified on a real userland" in ran.stdout) == (family is not DEBIAN)
    seen = here.look(wanted)
    assert seen.bundled == {anchor.name for anchor in wanted.anchors}
    assert not difference(seen, wanted), "a rollout has nothing to do"
    before = here.tree()
    assert here.done(wanted) == "site blue: nothing to do"
    assert here.tree() == before


@pytest.mark.usefixtures("debian", "containers")
class TestContainers:
    def test_the_same_files_as_a_rollout(self, debian: Host, wanted: DesiredTrust) -> None:
        fresh = debian.folder.parent / "fresh"
        shutil.copytree(debian.folder, fresh, ignore=shutil.ignore_patterns("*.sock"))
        change = debian.rollout(wanted)
        assert change.what == ("system store", "docker", "podman", "containerd", observed.HOSTS)
        by_rollout = debian.tree()
        for name in ("etc", "usr", "var"):
            shutil.rmtree(debian.folder / name)
            if (fresh / name).exists():
                shutil.copytree(fresh / name, debian.folder / name)
        assert not debian.look(wanted).marker
        assert debian.done(wanted) == f"site blue: {', '.join(change.what)}"
        assert debian.tree() == by_rollout

    def test_two_sites_side_by_side(self, debian: Host, sites: dict[str, DesiredTrust]) -> None:
        for wanted in (*sites.values(), *sites.values()):
            debian.run(wanted)
        for site, wanted in sites.items():
            assert debian.done(wanted) == f"site {site}: nothing to do"
            assert not difference(debian.look(wanted), wanted)
        lines = Path(observed.HOSTS).read_text().splitlines()
        assert [line.rpartition(" ")[2] for line in lines] == ["localhost", "blue", "green"]

    def test_a_hosts_toml_of_someone_else(self, debian: Host, wanted: DesiredTrust) -> None:
        file = debian.folder / "etc/containerd/certs.d/blue.example.com/hosts.toml"
        file.parent.mkdir(parents=True)
        file.write_text("# mine\n")
        before = debian.tree()
        assert f"{file} is someone else's" in debian.failed(wanted)
        assert debian.tree() == before


class TestDrift:
    @pytest.fixture
    def here(self, debian: Host, wanted: DesiredTrust) -> Host:
        debian.done(wanted)
        return debian

    def test_an_altered_anchor(self, here: Host, wanted: DesiredTrust) -> None:
        file = Path(here.root.moved.path(wanted.anchors[0].name))
        file.write_text("altered\n")
        assert here.done(wanted) == "site blue: system store repaired"
        assert file.read_text() == wanted.anchors[0].pem

    def test_an_anchor_that_only_root_can_read(self, here: Host, wanted: DesiredTrust) -> None:
        file = Path(here.root.moved.path(wanted.anchors[0].name))
        file.chmod(0o600)
        assert here.done(wanted) == "site blue: system store repaired"
        assert file.stat().st_mode & 0o777 == 0o644

    def test_an_empty_bundle(self, here: Host, wanted: DesiredTrust) -> None:
        Path(here.root.moved.bundle).write_text("")
        assert here.done(wanted) == "site blue: system store repaired"

    def test_another_address(self, here: Host, wanted: DesiredTrust) -> None:
        other = replace(wanted, hosts_line="192.0.2.11 blue.example.com")
        assert here.done(other) == f"site blue: {observed.HOSTS}"
        assert "192.0.2.10" not in Path(observed.HOSTS).read_text()

    def test_a_memory_of_more_is_kept(self, here: Host, wanted: DesiredTrust) -> None:
        file = Path(wanted.marker_file)
        more = f"also {'0' * 64}"
        file.write_text(f"{more}\n{wanted.marker[0]}\n")
        assert here.done(wanted) == "site blue: marker"
        assert file.read_text() == "".join(f"{line}\n" for line in sorted({more, *wanted.marker}))

    def test_a_ca_that_the_script_does_not_have(self, here: Host, wanted: DesiredTrust) -> None:
        with Path(wanted.marker_file).open("a") as file:
            file.write(f"ca {'1' * 64}\n")
        assert "knows the CA 111111111111 as the site's, and this script doesn't" in here.failed(wanted)

    def test_a_damaged_memory(self, here: Host, wanted: DesiredTrust) -> None:
        Path(wanted.marker_file).write_text("ca 12\n")
        assert f"{wanted.marker_file}, which the host keeps, is damaged at 'ca 12'" in here.failed(wanted)


def test_a_ca_of_others_is_not_doubled(debian: Host, wanted: DesiredTrust) -> None:
    theirs = Path(debian.root.moved.folder) / "company.crt"
    theirs.write_text(wanted.anchors[0].pem)
    subprocess.run([debian.root.moved.command], env={"PATH": f"{debian.folder}/tools:{os.environ['PATH']}"}, check=True)
    ran = debian.run(wanted)
    assert f"trusted already as {theirs}, not doubled\n" in ran.stdout
    assert not Path(debian.root.moved.path(wanted.anchors[0].name)).exists()
    assert not difference(debian.look(wanted), wanted)


class TestRefusals:
    """A host that can't be helped: one line that says why, and nothing is changed."""

    @pytest.fixture(autouse=True)
    def _unchanged(self, debian: Host) -> Iterator[None]:
        before = debian.tree()
        yield
        changed = set(debian.tree().items()) ^ set(before.items())
        assert {Path(path).name for path, _ in changed} <= {"os-release", "id"}

    @pytest.mark.parametrize(
        ("release", "words"), [("ID=plan9\nID_LIKE='inferno'\n", "(plan9 inferno)"), ("", "(no ID in /etc/os-release)")]
    )
    def test_an_unknown_family(self, debian: Host, wanted: DesiredTrust, release: str, words: str) -> None:
        (debian.folder / "etc/os-release").write_text(release)
        assert f"no row for this system {words} among debian, " in debian.failed(wanted)

    def test_not_root(self, debian: Host, wanted: DesiredTrust) -> None:
        debian.root.tool("id", "echo 1000")
        assert "as root" in debian.failed(wanted)

    def test_half_of_a_script(self, debian: Host, wanted: DesiredTrust) -> None:
        text = export.as_script(wanted)
        lines = text.splitlines(keepends=True)
        for share in (0.1, 0.3, 0.5, 0.7, 0.9):
            debian.run(wanted, text[: int(len(text) * share)])
            debian.run(wanted, "".join(lines[: int(len(lines) * share)]))
        debian.run(wanted, "".join(lines[:-1]))


def test_an_update_that_does_not_do_it(debian: Host, wanted: DesiredTrust) -> None:
    debian.root.updates("exit 0")
    assert f"{debian.root.moved.bundle} doesn't hold " in debian.failed(wanted)
    debian.root.updates("echo first; echo the disk is full >&2; exit 1")
    assert debian.failed(wanted).endswith("update-ca-certificates: the disk is full\n")


def test_nixos_is_told_what_to_declare(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shell: list[str], wanted: DesiredTrust
) -> None:
    here = host(monkeypatch, tmp_path, row("nixos"), shell)
    files = " ".join(f"./{anchor.name}" for anchor in wanted.anchors)
    assert f"security.pki.certificateFiles = [ {files} ];" in here.failed(wanted)
    Path(here.root.moved.bundle).write_text("".join(anchor.pem for anchor in wanted.anchors))
    assert here.done(wanted).startswith("site blue: ")
    assert not list(Path(here.root.moved.folder).iterdir()), "nothing is written there"


def test_a_host_for_runtimes_alone(debian: Host, wanted: DesiredTrust) -> None:
    """Without the system's store, no family is needed."""
    (debian.folder / "etc/os-release").write_text("ID=plan9\n")
    debian.root.tool("podman", "")
    assert debian.done(replace(wanted, stores=("podman",), hosts_line="")) == "site blue: podman"
    assert not Path(debian.root.moved.bundle).exists()


@pytest.mark.parametrize("authority", ["authority: {{CN: Grey CA}}\n", ""], ids=["its own CA", "others' CAs"])
def test_a_site_without_a_registry(debian: Host, tmp_path: Path, authority: str) -> None:
    text = f"version: 1\nsite: {{site}}\n{authority}trust: {{{{stores: [system], also: [other.pem]}}}}\n"
    wanted = made(tmp_path, "grey", text)
    assert len(wanted.anchors) == bool(authority) + 1
    assert debian.done(wanted) == "site grey: system store"
    assert not difference(debian.look(wanted), wanted)


def test_the_script_is_made_as_a_rollout_is(wanted: DesiredTrust) -> None:
    """The rollout's own script is in it, and is told there all that it is told in a rollout."""
    text = export.as_script(wanted)
    before, _, apply = text.partition("\napply() (\n")
    assert apply.endswith("".join(map(source, ApplyTrust.sources)) + ")\nalone\n")
    told = set(re.findall(r"^(\w+)=", apply, re.MULTILINE))
    assert {"site", "lock", "digests"} <= told
    assert set(export.FOUND) & told == set(), "what the host found out isn't written over"
    by_host = {name for name in export.FOUND if re.search(rf"\b{name}=", before)}
    assert set(ApplyTrust.names()) <= told | by_host


def test_what_the_head_says(wanted: DesiredTrust) -> None:
    text = export.as_script(wanted)
    head = text[: text.index("export ")]
    for anchor in wanted.anchors:
        assert f"#   {anchor.subject}\n#     SHA-256 {anchor.sha256}\n#     ends {anchor.not_after:%Y-%m-%d}\n" in head
    assert "PRIVATE" not in text
    odd = replace(wanted.anchors[0], subject="CN=x\ntouch touched\r")
    text = export.as_script(replace(wanted, anchors=(odd,)))
    assert "#   CN=x?touch touched?\n" in text
    assert not [line for line in text.splitlines() if line.startswith("touch")]


def test_a_cloud_init_part_carries_the_script(wanted: DesiredTrust) -> None:
    text = export.as_cloud_init(wanted)
    assert text.startswith("#cloud-config\n")
    assert len(text) < 16 * 1024, "as much as clouds take"
    part = yaml.safe_load(text)
    [file] = part["write_files"]
    assert file["encoding"] == "gz+b64"
    assert gzip.decompress(b64decode(file["content"])).decode() == export.as_script(wanted)
    assert part["runcmd"] == [["sh", file["path"]]]


def test_a_daemon_set_runs_the_script_on_the_node(debian: Host, wanted: DesiredTrust, tmp_path: Path) -> None:
    settings, daemons = yaml.safe_load_all(export.as_kubernetes(wanted, 'mirror.example.com/"box":1'))
    assert (settings["kind"], daemons["kind"]) == ("ConfigMap", "DaemonSet")
    assert settings["data"]["trust.sh"] == export.as_script(wanted)
    assert [
        each.fingerprint(each.signature_hash_algorithm)  # type: ignore[arg-type]
        for each in x509.load_pem_x509_certificates(settings["data"]["ca.crt"].encode())
    ]
    pod = daemons["spec"]["template"]["spec"]
    assert {each["image"] for each in (*pod["initContainers"], *pod["containers"])} == {'mirror.example.com/"box":1'}
    assert (
        daemons["spec"]["selector"]["matchLabels"].items() <= daemons["spec"]["template"]["metadata"]["labels"].items()
    )
    # the container's command, with chroot into the folder that plays the node
    debian.root.tool("chroot", f'[ "$1" = /host ] && shift && shift && exec {" ".join(debian.shell)} "$@"')
    (tmp_path / "trust.sh").write_text(settings["data"]["trust.sh"])
    [trust] = pod["initContainers"]
    command = [each.replace("/anchorline/", f"{tmp_path}/") for each in trust["command"]]
    ran = subprocess.run(command, env={"PATH": f"{debian.folder}/tools:{os.environ['PATH']}"}, check=False)
    assert ran.returncode == 0
    assert debian.done(wanted) == "site blue: nothing to do"


def test_another_script_is_another_pod(sites: dict[str, DesiredTrust]) -> None:
    def annotations(wanted: DesiredTrust) -> Any:
        return list(yaml.safe_load_all(export.as_kubernetes(wanted)))[1]["spec"]["template"]["metadata"]["annotations"]

    blue = sites["blue"]
    assert annotations(blue) == annotations(blue) != annotations(replace(blue, hosts_line=""))


def test_a_bundle_for_trust_manager(wanted: DesiredTrust) -> None:
    bundle = yaml.safe_load(export.as_trust_manager(wanted))
    assert (bundle["apiVersion"], bundle["kind"]) == ("trust.cert-manager.io/v1alpha1", "Bundle")
    [source] = bundle["spec"]["sources"]
    assert source["inLine"] == "".join(anchor.pem for anchor in wanted.anchors)
